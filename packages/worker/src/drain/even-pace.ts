/**
 * How many of those that have to go may go now, pure: all of them spread evenly over a window, one after the other and not in
 * handfuls, because each of them comes back somewhere else. The rate is always what is left over the time that is left, so
 * that newcomers join the tail. A process that was held up catches up slowly: a burst is what the pace is there to prevent,
 * and it had rather end a little late. A fixed time for each was rejected: after a pause all that are due go at once.
 */
export interface EvenPaceOptions {
  /** Those that are known at the start. */
  readonly count: number;
  readonly windowMs: number;
  /** Never faster. 0: whatever the window needs. */
  readonly perSecond: number;
  readonly nowMs: number;
}

/** Between two calls of `take`. */
export const PACE_TICK_MS = 20;
/** What a late call may count for, and how much faster than the even rate it may get to make up for it: 1.21 together. */
const LATE = 1.1;
const FASTER = 1.1;

export class EvenPace {
  readonly #endsAtMs: number;
  readonly #windowMs: number;
  readonly #perSecond: number;
  #count: number;
  #lastMs: number;
  /** The first goes at once: a crowd of one is not kept waiting. */
  #credit = 1;

  constructor({ count, windowMs, perSecond, nowMs }: EvenPaceOptions) {
    this.#count = count;
    this.#windowMs = Math.max(windowMs, PACE_TICK_MS);
    this.#perSecond = perSecond;
    this.#lastMs = nowMs;
    this.#endsAtMs = nowMs + this.#windowMs;
  }

  /** Came after the start. */
  add(count: number): void {
    this.#count += count;
  }

  take(left: number, nowMs: number): number {
    const elapsedMs = Math.min(nowMs - this.#lastMs, PACE_TICK_MS * LATE);
    this.#lastMs = nowMs;
    const wanted = left / Math.max(this.#endsAtMs - nowMs, PACE_TICK_MS);
    this.#credit += Math.min(wanted, this.#maxPerMs) * elapsedMs;
    const taken = Math.min(left, Math.floor(this.#credit));
    // What nobody used is not saved for a burst.
    this.#credit = Math.min(1, this.#credit - taken);
    return taken;
  }

  get #maxPerMs(): number {
    const perMs = (FASTER * this.#count) / this.#windowMs;
    return this.#perSecond === 0 ? perMs : Math.min(perMs, this.#perSecond / 1000);
  }
}
