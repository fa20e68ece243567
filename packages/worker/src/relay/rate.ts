/**
 * A token bucket with one second's worth of burst: two numbers, no timer. Pure but for its own state.
 */
export class MessageRate {
  readonly #perSecond: number;
  #tokens: number;
  #refilledAt: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#tokens = perSecond;
    this.#refilledAt = nowMs;
  }

  /** False: over the limit. @param kept of the bucket for somebody else. */
  take(nowMs: number, kept = 0): boolean {
    this.#refill(nowMs);
    if (this.#tokens - kept < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /**
   * For what comes in pieces of any size: one that is larger than the bucket goes through a bucket that is not empty, and what it
   * takes beyond is owed. False: over the limit.
   */
  spend(nowMs: number, amount: number): boolean {
    this.#refill(nowMs);
    if (this.#tokens <= 0) return false;
    this.#tokens -= amount;
    return true;
  }

  #refill(nowMs: number): void {
    if (nowMs <= this.#refilledAt) return;
    const earned = ((nowMs - this.#refilledAt) / 1000) * this.#perSecond;
    this.#tokens = Math.min(this.#perSecond, this.#tokens + earned);
    this.#refilledAt = nowMs;
  }
}
