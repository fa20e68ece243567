/**
 * How many clients may begin per second: a token bucket whose last third is for those who resume. A new session can wait; one
 * that is resumed has somebody behind it who was there a moment ago. Pure.
 */
import { MessageRate } from '../relay/rate.js';

const KEPT_FOR_RESUMES = 1 / 3;

export class HelloRate {
  readonly #rate: MessageRate;
  readonly #kept: number;

  constructor(perSecond: number, nowMs: number) {
    this.#rate = new MessageRate(perSecond, nowMs);
    this.#kept = perSecond * KEPT_FOR_RESUMES;
  }

  /** False: over the limit. */
  take(isResume: boolean, nowMs: number): boolean {
    return this.#rate.take(nowMs, isResume ? 0 : this.#kept);
  }
}
