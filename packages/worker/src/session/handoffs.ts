/**
 * Sessions that leave a draining backend: asks it for them, so many at a time, and counts one as done when it has found
 * another place or its client has gone. Decides nothing about where they go.
 */
import type { Link } from '../trunk/link.js';
import type { Session } from './session.js';

/** A backend gives its handlers 5 s to finish the message in hand. */
const ANSWER_WITHIN_MS = 10_000;

interface Leaving {
  readonly queue: Set<Session>;
  readonly asked: Set<Session>;
}

export class Handoffs {
  readonly #byLink = new Map<Link, Leaving>();

  /** The backend of these sessions wants to be without them. */
  add(link: Link, sessions: Iterable<Session>): void {
    const leaving = this.#byLink.get(link) ?? { queue: new Set(), asked: new Set() };
    this.#byLink.set(link, leaving);
    for (const session of sessions) leaving.queue.add(session);
    this.#ask(link, leaving);
  }

  /** In its stead another is asked for. */
  done(session: Session): void {
    for (const [link, leaving] of this.#byLink) {
      const wasAsked = leaving.asked.delete(session);
      if (leaving.queue.delete(session) || wasAsked) this.#ask(link, leaving);
    }
  }

  /** Asked for, and not answered for so long that it will not be. */
  late(nowMs: number): readonly Session[] {
    const asked = [...this.#byLink.values()].flatMap((leaving) => [...leaving.asked]);
    return asked.filter((it) => it.state === 'handing' && nowMs - it.unboundAtMs >= ANSWER_WITHIN_MS);
  }

  #ask(link: Link, { queue, asked }: Leaving): void {
    const atOnce = link.pool.config.session?.maxHandoffs ?? 1;
    for (const session of queue) {
      if (asked.size >= atOnce) return;
      queue.delete(session);
      // Whoever is still on the way there is asked for when it has arrived.
      if (session.link !== link || (session.state !== 'live' && session.state !== 'resyncing')) continue;
      asked.add(session);
      session.askHandoff();
    }
    if (asked.size === 0) this.#byLink.delete(link);
  }
}
