/**
 * ExpiringMap: a bounded map whose entries have a time to live; what the embedded stores are made of. A JavaScript Map
 * keeps insertion order and each `set` inserts anew, so the first entry is always the one that was set longest ago: eviction
 * at the bound is O(1) without a second structure. Expired entries are invisible at once and reclaimed by one slow sweep;
 * a timer per entry was rejected (a million timers).
 */

const SWEEP_INTERVAL_MS = 1000;
/** A full pass takes about a minute however large the map is: at a million entries some 2 ms per sweep. */
const SWEEPS_PER_PASS = 60;
const MIN_SWEPT_AT_ONCE = 1000;

export interface ExpiringMapOptions<V> {
  /** One more evicts the entry that was set longest ago. */
  readonly maxEntries: number;
  /** Told of each value that leaves the map or is replaced. */
  readonly onRemoved?: (value: V) => void;
}

interface Entry<V> {
  readonly value: V;
  /** On the monotonic clock: a stepped wall clock must not end or prolong anybody's life. */
  readonly expiresAt: number;
}

export class ExpiringMap<V> {
  readonly #options: ExpiringMapOptions<V>;
  readonly #entries = new Map<string, Entry<V>>();
  readonly #sweepTimer: NodeJS.Timeout;
  #sweepPosition: MapIterator<[string, Entry<V>]> | undefined;
  #evicted = 0;

  constructor(options: ExpiringMapOptions<V>) {
    this.#options = options;
    this.#sweepTimer = setInterval(() => this.#sweep(), SWEEP_INTERVAL_MS).unref();
  }

  /** Expired entries that no sweep has reached yet included. */
  get size(): number {
    return this.#entries.size;
  }

  /** Live entries thrown out because the map was full, since the start. */
  get evicted(): number {
    return this.#evicted;
  }

  get(key: string): V | undefined {
    return this.#live(key)?.value;
  }

  /** 0 when there is no such entry. */
  remainingMs(key: string): number {
    const entry = this.#live(key);
    return entry === undefined ? 0 : entry.expiresAt - performance.now();
  }

  set(key: string, value: V, ttlMs: number): void {
    this.delete(key);
    if (this.#entries.size >= this.#options.maxEntries) this.#evictOldest();
    this.#entries.set(key, { value, expiresAt: performance.now() + ttlMs });
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#options.onRemoved?.(entry.value);
  }

  /** Those that are alive; expired ones met on the way are reclaimed. */
  *live(): Generator<[string, V], void, undefined> {
    const now = performance.now();
    for (const [key, entry] of this.#entries) {
      if (entry.expiresAt > now) yield [key, entry.value];
      else this.delete(key);
    }
  }

  close(): void {
    clearInterval(this.#sweepTimer);
    this.#sweepPosition = undefined;
    this.#entries.clear();
  }

  #live(key: string): Entry<V> | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && entry.expiresAt > performance.now() ? entry : undefined;
  }

  #evictOldest(): void {
    for (const [key, entry] of this.#entries) {
      if (entry.expiresAt > performance.now()) this.#evicted += 1;
      this.delete(key);
      return;
    }
  }

  /** Goes on where the last sweep stopped: a Map's iterator survives deletions and insertions in between. */
  #sweep(): void {
    const now = performance.now();
    const budget = Math.max(MIN_SWEPT_AT_ONCE, Math.ceil(this.#entries.size / SWEEPS_PER_PASS));
    this.#sweepPosition ??= this.#entries.entries();
    for (let looked = 0; looked < budget; looked += 1) {
      const next = this.#sweepPosition.next();
      if (next.done === true) {
        this.#sweepPosition = undefined;
        return;
      }
      const [key, entry] = next.value;
      if (entry.expiresAt <= now) this.delete(key);
    }
  }
}
