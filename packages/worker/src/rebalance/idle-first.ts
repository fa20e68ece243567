/**
 * Whom a move disturbs least: sessions through which nothing has passed for the longest. Sessions do not keep when that was, for
 * all of them would pay for it; so their counts are compared from one look to the next, and only while there is somebody to move.
 */
import type { Session } from '../session/session.js';

interface Seen {
  readonly messages: number;
  readonly sinceMs: number;
}

/** A connection that is younger has not settled: it may have come by such a move. */
const MIN_AGE_MS = 10_000;

export class IdleFirst {
  #seen = new Map<Session, Seen>();

  /** The longest idle first. Empty at the first look: nobody knows yet. */
  look(sessions: Iterable<Session>, nowMs: number): readonly Session[] {
    const before = this.#seen;
    this.#seen = new Map();
    const known: { readonly session: Session; readonly sinceMs: number }[] = [];
    for (const session of sessions) {
      if (session.state !== 'live' || nowMs - session.openedAtMs < MIN_AGE_MS) continue;
      const messages = session.tally.messagesUp + session.tally.messagesDown;
      const seen = before.get(session);
      const sinceMs = seen?.messages === messages ? seen.sinceMs : nowMs;
      this.#seen.set(session, { messages, sinceMs });
      if (seen !== undefined) known.push({ session, sinceMs });
    }
    known.sort((one, other) => one.sinceMs - other.sinceMs);
    return known.map(({ session }) => session);
  }

  forget(): void {
    this.#seen.clear();
  }
}
