/**
 * EmbeddedStore: the affinity map of one machine, in the memory of the supervisor. Synchronous, so that every
 * operation is atomic by itself. A JavaScript Map keeps insertion order and each claim re-inserts its entry, so the
 * first entry is always the least recently claimed: eviction at the bound is O(1) without a second structure.
 * Expired entries are invisible at once and reclaimed by one slow sweep; a timer per entry was rejected (a million timers).
 */
import type { AffinityKey } from '../arguments.js';

export interface EmbeddedStoreOptions {
  /** Entries kept; one more evicts the least recently claimed. About 200 bytes each. @default 1_000_000 */
  readonly maxEntries?: number;
}

export interface EmbeddedStoreStats {
  /** Expired ones that no sweep has reached yet included. */
  readonly entries: number;
  /** Live entries thrown out because the store was full, since the start. */
  readonly evicted: number;
}

const DEFAULT_MAX_ENTRIES = 1_000_000;
const SWEEP_INTERVAL_MS = 1000;
/** A full pass takes about a minute however large the store is: at a million entries some 2 ms per sweep. */
const SWEEPS_PER_PASS = 60;
const MIN_SWEPT_AT_ONCE = 1000;

interface Entry {
  readonly backendId: string;
  /** On the monotonic clock: a stepped wall clock must not end or prolong anybody's affinity. */
  readonly expiresAt: number;
}

export class EmbeddedStore {
  readonly #maxEntries: number;
  readonly #entries = new Map<string, Entry>();
  readonly #sweepTimer: NodeJS.Timeout;
  #sweepPosition: MapIterator<[string, Entry]> | undefined;
  #evicted = 0;

  constructor(options: EmbeddedStoreOptions = {}) {
    this.#maxEntries = options.maxEntries ?? DEFAULT_MAX_ENTRIES;
    this.#sweepTimer = setInterval(() => this.#sweep(), SWEEP_INTERVAL_MS).unref();
  }

  get stats(): EmbeddedStoreStats {
    return { entries: this.#entries.size, evicted: this.#evicted };
  }

  lookup(at: AffinityKey): string | undefined {
    return this.#live(idOf(at))?.backendId;
  }

  claim(at: AffinityKey, backendId: string, ttlMs: number): string {
    const id = idOf(at);
    const bound = this.#live(id)?.backendId ?? backendId;
    this.#bind(id, bound, ttlMs);
    return bound;
  }

  replace(at: AffinityKey, expected: string, backendId: string, ttlMs: number): string {
    const id = idOf(at);
    const bound = this.#live(id)?.backendId;
    if (bound !== undefined && bound !== expected) return bound;
    this.#bind(id, backendId, ttlMs);
    return backendId;
  }

  close(): void {
    clearInterval(this.#sweepTimer);
    this.#sweepPosition = undefined;
    this.#entries.clear();
  }

  #live(id: string): Entry | undefined {
    const entry = this.#entries.get(id);
    return entry !== undefined && entry.expiresAt > performance.now() ? entry : undefined;
  }

  #bind(id: string, backendId: string, ttlMs: number): void {
    this.#entries.delete(id);
    if (this.#entries.size >= this.#maxEntries) this.#evictOldest();
    this.#entries.set(id, { backendId, expiresAt: performance.now() + ttlMs });
  }

  #evictOldest(): void {
    for (const [id, entry] of this.#entries) {
      this.#entries.delete(id);
      if (entry.expiresAt > performance.now()) this.#evicted += 1;
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
      const [id, entry] = next.value;
      if (entry.expiresAt <= now) this.#entries.delete(id);
    }
  }
}

/** The length makes it unambiguous: pool `a`, key `b:c` and pool `a:b`, key `c` must not meet. */
function idOf({ pool, key }: AffinityKey): string {
  return `${pool.length}:${pool}:${key}`;
}
