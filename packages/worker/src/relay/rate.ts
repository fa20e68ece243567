/**
 * A token bucket with one second's worth of burst: a few whole numbers, no timer. It counts thousandths of a token, which is what
 * a millisecond earns: numbers with fractions would cost an object each where they do not stay in a register. Pure but for its
 * own state.
 */
const TOKEN = 1000;

export class MessageRate {
  #perSecond: number;
  #thousandths: number;
  #refilledAtMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#thousandths = perSecond * TOKEN;
    this.#refilledAtMs = Math.floor(nowMs);
  }

  /** False: over the limit. @param kept of the bucket for somebody else. */
  take(nowMs: number, kept = 0): boolean {
    this.#refill(nowMs);
    if (this.#thousandths - kept * TOKEN < TOKEN) return false;
    this.#thousandths -= TOKEN;
    return true;
  }

  /**
   * For what comes in pieces of any size: one that is larger than the bucket goes through a bucket that is not empty, and what it
   * takes beyond is owed. False: over the limit.
   */
  spend(nowMs: number, amount: number): boolean {
    this.#refill(nowMs);
    if (this.#thousandths <= 0) return false;
    this.#thousandths -= amount * TOKEN;
    return true;
  }

  /** What was taken stays taken. */
  change(perSecond: number): void {
    this.#perSecond = perSecond;
    this.#thousandths = Math.min(this.#thousandths, perSecond * TOKEN);
  }

  /** Nobody would see a difference between this bucket and a new one. */
  isFull(nowMs: number): boolean {
    this.#refill(nowMs);
    return this.#thousandths === this.#perSecond * TOKEN;
  }

  #refill(nowMs: number): void {
    const passedMs = Math.floor(nowMs) - this.#refilledAtMs;
    if (passedMs <= 0) return;
    this.#thousandths = Math.min(this.#perSecond * TOKEN, this.#thousandths + passedMs * this.#perSecond);
    this.#refilledAtMs += passedMs;
  }
}
