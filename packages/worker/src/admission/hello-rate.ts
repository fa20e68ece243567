/**
 * How many clients may begin per second: a token bucket with one second's worth of burst, whose last third is for those who
 * resume. A new session can wait; one that is resumed has somebody behind it who was there a moment ago. Pure.
 */
const KEPT_FOR_RESUMES = 1 / 3;

export class HelloRate {
  readonly #perSecond: number;
  #tokens: number;
  #refilledAtMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = this.#tokens = perSecond;
    this.#refilledAtMs = nowMs;
  }

  /** False: over the limit. */
  take(isResume: boolean, nowMs: number): boolean {
    const earned = (Math.max(0, nowMs - this.#refilledAtMs) / 1000) * this.#perSecond;
    this.#tokens = Math.min(this.#perSecond, this.#tokens + earned);
    this.#refilledAtMs = nowMs;
    const kept = isResume ? 0 : this.#perSecond * KEPT_FOR_RESUMES;
    if (this.#tokens - kept < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
