/**
 * New connections and requests per second, for the whole machine: a token bucket for each key, with one second's worth of burst. A
 * bucket per worker with the limit divided by their number was rejected for the reason that slots.ts gives. A bucket that
 * nobody has used for a second is full again, as one that is not there: those go first, and of too many the longest unused.
 */

interface Bucket {
  tokens: number;
  refilledAtMs: number;
}

export interface RateTableOptions {
  /** Different keys at one time; about 200 bytes each. @default 100_000 */
  readonly maxKeys?: number;
}

const DEFAULT_MAX_KEYS = 100_000;
/** Of a bucket, until it is full whatever its rate. */
const FULL_AFTER_MS = 1000;

export class RateTable {
  readonly #maxKeys: number;
  /** In the order of their last use. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: RateTableOptions = {}) {
    this.#maxKeys = options.maxKeys ?? DEFAULT_MAX_KEYS;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Nothing is taken. */
  hasRoom(key: string, perSecond: number, nowMs: number): boolean {
    const bucket = this.#buckets.get(key);
    return bucket === undefined || tokensAt(bucket, perSecond, nowMs) >= 1;
  }

  /** One, also where there is none: ask `hasRoom` before. */
  take(key: string, perSecond: number, nowMs: number): void {
    const bucket = this.#buckets.get(key);
    const tokens = bucket === undefined ? perSecond : tokensAt(bucket, perSecond, nowMs);
    this.#buckets.delete(key);
    this.#prune(nowMs);
    this.#buckets.set(key, { tokens: tokens - 1, refilledAtMs: nowMs });
  }

  #prune(nowMs: number): void {
    for (const [key, { refilledAtMs }] of this.#buckets) {
      if (nowMs - refilledAtMs < FULL_AFTER_MS && this.#buckets.size < this.#maxKeys) return;
      this.#buckets.delete(key);
    }
  }
}

/** A limit that a reload has changed holds at once. */
function tokensAt({ tokens, refilledAtMs }: Bucket, perSecond: number, nowMs: number): number {
  return Math.min(perSecond, tokens + (Math.max(0, nowMs - refilledAtMs) / 1000) * perSecond);
}
