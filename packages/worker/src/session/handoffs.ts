/**
 * Sessions that leave a draining backend: asks it for them, over a moment and never too many at
 * once, and counts one as done when it has found another place or its client has gone. Decides nothing about where they go, nor
 * whether they are closed instead, as some pools want it.
 */
import { EvenPace, PACE_TICK_MS } from '../drain/even-pace.js';
import type { Link } from '../trunk/link.js';
import type { Session } from './session.js';

/** A backend gives its handlers 5 s to finish the message in hand. */
const ANSWER_WITHIN_MS = 10_000;
/** Short: with 10 ms for each, a backend now and then kept a session until its deadline (20 restarts under load). */
const WINDOW_MS = 20;

interface Leaving {
  readonly queue: Set<Session>;
  readonly asked: Set<Session>;
  readonly pace: EvenPace;
}

export class Handoffs {
  readonly #leave: (session: Session) => void;
  readonly #byLink = new Map<Link, Leaving>();
  #timer: NodeJS.Timeout | undefined;

  /** @param leave it is its turn: it is asked for, or ends. */
  constructor(leave: (session: Session) => void) {
    this.#leave = leave;
  }

  /** The backend of these sessions wants to be without them. */
  add(link: Link, sessions: readonly Session[]): void {
    const leaving = this.#byLink.get(link) ?? begin();
    this.#byLink.set(link, leaving);
    for (const session of sessions) {
      if (leaving.asked.has(session) || leaving.queue.has(session)) continue;
      leaving.queue.add(session);
      leaving.pace.add(1);
    }
    this.#ask(link, leaving);
    this.#timer ??= setInterval(() => this.#askAll(), PACE_TICK_MS);
  }

  done(session: Session): void {
    for (const { queue, asked } of this.#byLink.values()) {
      queue.delete(session);
      asked.delete(session);
    }
  }

  /** Asked for, and not answered for so long that it will not be. */
  late(nowMs: number): readonly Session[] {
    const asked = [...this.#byLink.values()].flatMap((leaving) => [...leaving.asked]);
    return asked.filter((it) => it.state === 'handing' && nowMs - it.unboundAtMs >= ANSWER_WITHIN_MS);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#byLink.clear();
  }

  #askAll(): void {
    for (const [link, leaving] of this.#byLink) this.#ask(link, leaving);
    if (this.#byLink.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #ask(link: Link, { queue, asked, pace }: Leaving): void {
    const places = (link.pool.config.session?.maxHandoffs ?? 1) - asked.size;
    let budget = Math.min(places, pace.take(queue.size, performance.now()));
    for (const session of queue) {
      if (budget <= 0) return;
      queue.delete(session);
      // Whoever is still on the way there is asked for when it has arrived.
      if (session.link !== link || (session.state !== 'live' && session.state !== 'resyncing')) continue;
      asked.add(session);
      budget -= 1;
      this.#leave(session);
    }
    if (queue.size + asked.size === 0) this.#byLink.delete(link);
  }
}

function begin(): Leaving {
  const pace = new EvenPace({ count: 0, windowMs: WINDOW_MS, perSecond: 0, nowMs: performance.now() });
  return { queue: new Set(), asked: new Set(), pace };
}
