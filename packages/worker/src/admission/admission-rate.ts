/**
 * How many may come in: so many per second on average, and never more than a tenth above that in any 100 ms, whatever was
 * saved up. A token bucket alone was rejected: a small one loses what a busy event loop could not use in time, and a large one
 * lets a herd in at once. Pure but for its own state; time is passed in.
 */

/** Saved up at most, of a second's worth. */
const BURST_SECONDS = 0.1;
/** What came in is remembered by the millisecond. */
const WINDOW_MS = 100;
const PER_WINDOW_SECONDS = 0.11;
/** While the last 100 ms are full. */
const LOOK_AGAIN_MS = 5;

export class AdmissionRate {
  #perSecond: number;
  #tokens: number;
  #refilledAtMs: number;
  /** How many came in, by the millisecond. */
  readonly #cells = new Uint32Array(WINDOW_MS);
  #newestMs: number;
  #inWindow = 0;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#tokens = this.#burst;
    this.#refilledAtMs = nowMs;
    this.#newestMs = Math.floor(nowMs);
  }

  get perSecond(): number {
    return this.#perSecond;
  }

  setPerSecond(perSecond: number, nowMs: number): void {
    this.#advance(nowMs);
    this.#perSecond = perSecond;
    this.#tokens = Math.min(this.#tokens, this.#burst);
  }

  /** False: not now. */
  take(nowMs: number): boolean {
    this.#advance(nowMs);
    // A millionth of a token is what adding up fractions loses.
    if (this.#tokens < 1 - 1e-6 || this.#inWindow >= this.#mostInWindow) return false;
    this.#tokens = Math.max(0, this.#tokens - 1);
    this.#cells[this.#newestMs % WINDOW_MS] = this.#inMs(this.#newestMs) + 1;
    this.#inWindow += 1;
    return true;
  }

  /** When it is worth asking again. */
  waitMs(nowMs: number): number {
    this.#advance(nowMs);
    const tokenMs = Math.max(0, Math.ceil(((1 - this.#tokens) / this.#perSecond) * 1000));
    return this.#inWindow >= this.#mostInWindow ? Math.max(LOOK_AGAIN_MS, tokenMs) : tokenMs;
  }

  get #burst(): number {
    return Math.max(1, this.#perSecond * BURST_SECONDS);
  }

  get #mostInWindow(): number {
    return Math.max(1, Math.ceil(this.#perSecond * PER_WINDOW_SECONDS));
  }

  #inMs(ms: number): number {
    return this.#cells[ms % WINDOW_MS] ?? 0;
  }

  #advance(nowMs: number): void {
    if (nowMs <= this.#refilledAtMs) return;
    const earned = ((nowMs - this.#refilledAtMs) / 1000) * this.#perSecond;
    this.#tokens = Math.min(this.#burst, this.#tokens + earned);
    this.#refilledAtMs = nowMs;
    const newestMs = Math.floor(nowMs);
    for (let ms = Math.max(this.#newestMs + 1, newestMs - WINDOW_MS + 1); ms <= newestMs; ms += 1) {
      this.#inWindow -= this.#inMs(ms);
      this.#cells[ms % WINDOW_MS] = 0;
    }
    this.#newestMs = newestMs;
  }
}
