/**
 * How long a backend's connection is waited for once it is closing. A close frame stands behind whatever the backend has
 * not taken yet, so the time for an answer starts when that is gone; until then the backend has to keep taking. One
 * timer from the start (as `ws` has it) would throw away what a slow backend was still about to read. Pure but for its state.
 */

export interface ClosingLimits {
  /** Longest time without the backend taking anything of what waits for it. */
  readonly stallMs: number;
  /** Longest time until it has taken all of it. */
  readonly totalMs: number;
}

/** wait: not yet. unanswered: it has everything, and did not end the connection. stuck: it will not have the rest. */
export type ClosingVerdict = 'wait' | 'unanswered' | 'stuck';

/** For the answer to a close frame, and the end of the TCP connection. */
export const CLOSE_ANSWER_MS: number = 5_000;

export class ClosingClock {
  readonly #limits: ClosingLimits;
  readonly #beganAt: number;
  #movedAt: number;
  #waitingBytes: number;

  constructor(limits: ClosingLimits, nowMs: number, waitingBytes: number) {
    this.#limits = limits;
    this.#beganAt = this.#movedAt = nowMs;
    this.#waitingBytes = waitingBytes;
  }

  /** To be asked every tick, with what waits for the backend. */
  judge(nowMs: number, waitingBytes: number): ClosingVerdict {
    if (waitingBytes !== this.#waitingBytes) {
      this.#waitingBytes = waitingBytes;
      this.#movedAt = nowMs;
    }
    const stillMs = nowMs - this.#movedAt;
    if (waitingBytes === 0) return stillMs >= CLOSE_ANSWER_MS ? 'unanswered' : 'wait';
    const isStuck = stillMs >= this.#limits.stallMs || nowMs - this.#beganAt >= this.#limits.totalMs;
    return isStuck ? 'stuck' : 'wait';
  }
}
