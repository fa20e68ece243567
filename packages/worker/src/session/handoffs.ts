/**
 * Sessions that leave a draining backend: asks it for them, evenly over a part of the time that it gives and never too many at
 * once, and counts one as done when it has found another place or its client has gone. Decides nothing about where they go, nor
 * whether they are closed instead, as some pools want it.
 *
 * All at once was rejected, measured: 2,000 sessions on a busy machine stood still for 350 ms (p99) while the machine did
 * nothing but hand them over; each of them needs a few milliseconds when it goes alone.
 */
import { EvenPace, PACE_TICK_MS } from '../drain/even-pace.js';
import type { Link } from '../trunk/link.js';
import type { Session } from './session.js';

/** A backend gives its handlers 5 s to finish the message in hand. */
export const ANSWER_WITHIN_MS: number = 10_000;
/** Not faster where time allows it: a hundred per second and worker. */
const EACH_MS = 10;
/** Of the time that the backend gives: the rest is for handlers that are slow, and for those that nobody takes at once. */
const PART_OF_TIME = 0.25;

interface Leaving {
  readonly queue: Set<Session>;
  readonly asked: Set<Session>;
  pace: EvenPace;
}

export class Handoffs {
  readonly #leave: (session: Session) => void;
  readonly #byLink = new Map<Link, Leaving>();
  #timer: NodeJS.Timeout | undefined;

  /** @param leave it is its turn: it is asked for, or ends. */
  constructor(leave: (session: Session) => void) {
    this.#leave = leave;
  }

  /** @param withinMs that their backend gives to all that it has. undefined: these are a few more. */
  add(link: Link, sessions: readonly Session[], withinMs?: number): void {
    const leaving = this.#byLink.get(link) ?? begin();
    this.#byLink.set(link, leaving);
    const { queue, asked } = leaving;
    const newcomers = sessions.filter((session) => !asked.has(session) && !queue.has(session));
    for (const session of newcomers) queue.add(session);
    if (withinMs === undefined) leaving.pace.add(newcomers.length);
    else leaving.pace = paceFor(queue.size, withinMs);
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
  return { queue: new Set(), asked: new Set(), pace: paceFor(0, 0) };
}

function paceFor(count: number, withinMs: number): EvenPace {
  const windowMs = Math.min(count * EACH_MS, withinMs * PART_OF_TIME);
  return new EvenPace({ count, windowMs, perSecond: 0, nowMs: performance.now() });
}
