/**
 * Sessions whose client has left while they were between two backends: what the one gives away, or the other does not take, is
 * parked, so that the client finds it when it comes back, at whatever worker.
 */
import { ANSWER_WITHIN_MS } from './handoffs.js';
import type { MoveResult } from './move.js';
import type { SessionRecords } from './records.js';
import type { Session } from './session.js';
import type { HandedOff } from './session-host.js';

export class Carried {
  readonly #records: Pick<SessionRecords, 'park'>;
  /** Their backends have not answered yet. Bounded by those that may be asked or opened at once. */
  readonly #untilMs = new Map<Session, number>();

  constructor(records: Pick<SessionRecords, 'park'>) {
    this.#records = records;
  }

  /** Its client has left. */
  add(session: Session, nowMs: number): void {
    if (session.backendSide.hasStream) this.#untilMs.set(session, nowMs + ANSWER_WITHIN_MS);
  }

  /**
   * `elsewhere` is shared state then. Refused there where somebody has claimed the session since: that one gets it from the
   * backend that gave it away, which has it still.
   */
  async settle(session: Session, handedOff: HandedOff | undefined, result: MoveResult): Promise<void> {
    this.#untilMs.delete(session);
    if (handedOff === undefined || result === 'over' || !session.hasToken) return;
    if (result === 'moved' || (await this.#records.park(session, handedOff))) handedOff.release();
  }

  tick(nowMs: number): void {
    for (const [session, untilMs] of this.#untilMs) {
      if (session.backendSide.hasStream && nowMs < untilMs) continue;
      this.#untilMs.delete(session);
      session.backendSide.lose({ kind: 'lost' });
    }
  }
}
