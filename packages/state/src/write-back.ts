/**
 * WriteBack: keeps the two stores of resilient.ts in step, in both directions and without anybody waiting. `mirror`
 * copies what the primary settled into the fallback; `remember` keeps what the fallback settled during an outage until
 * `start` can write it to the primary. Entries are written a few at a time: healing must not be the next overload.
 */
import { isEngineFailure } from './errors.js';
import type { AffinityStore, SharedState, StateLog } from './shared-state.js';

export interface SettledEntry {
  readonly pool: string;
  readonly key: string;
  readonly backendId: string;
  readonly ttlMs: number;
}

export interface WriteBackStats {
  /** Entries that wait for the primary. */
  readonly remembered: number;
  /** Entries that were forgotten because too many waited, since the start. */
  readonly dropped: number;
  /** Entries that reached the primary after an outage, since the start. */
  readonly written: number;
  /** Copies into the fallback that failed or were skipped, since the start: that much is forgotten in an outage. */
  readonly unmirrored: number;
}

export interface WriteBackOptions {
  readonly primary: Pick<SharedState, 'affinity' | 'health'>;
  readonly fallback: AffinityStore;
  readonly maxRemembered: number;
  readonly log: StateLog | undefined;
}

const WRITTEN_AT_ONCE = 50;
const RETRY_MS = 1000;
const MAX_MIRRORS_IN_FLIGHT = 1000;

interface Remembered extends Omit<SettledEntry, 'ttlMs'> {
  /** Monotonic clock. */
  readonly expiresAt: number;
  /** Whom the primary has bound, as far as we know: written by `replace`. Absent: written by `claim`. */
  readonly expected: string | undefined;
}

export class WriteBack {
  readonly #options: WriteBackOptions;
  readonly #remembered = new Map<string, Remembered>();
  #retryTimer: NodeJS.Timeout | undefined;
  #isWriting = false;
  #isClosed = false;
  #mirrorsInFlight = 0;
  #dropped = 0;
  #written = 0;
  #unmirrored = 0;

  constructor(options: WriteBackOptions) {
    this.#options = options;
  }

  get stats(): WriteBackStats {
    const [dropped, written, unmirrored] = [this.#dropped, this.#written, this.#unmirrored];
    return { remembered: this.#remembered.size, dropped, written, unmirrored };
  }

  /** `expected` is what a replace was to replace; a claim has none. */
  remember({ pool, key, backendId, ttlMs }: SettledEntry, expected: string | undefined): void {
    const id = JSON.stringify([pool, key]);
    const earlier = this.#remembered.get(id);
    this.#remembered.delete(id);
    if (this.#remembered.size >= this.#options.maxRemembered) this.#dropOldest();
    // Of several changes in one outage, the primary can only know what was there before the first.
    const known = earlier?.expected ?? expected;
    this.#remembered.set(id, { pool, key, backendId, expected: known, expiresAt: performance.now() + ttlMs });
    // The primary may be well by now, or have failed only this once: then no change of health will start us.
    this.#retryLater();
  }

  /** The primary is back: write what waits for it. */
  start(): void {
    if (!this.#isWriting) void this.#writeAll();
  }

  mirror(entry: SettledEntry): void {
    // The primary has spoken: what was remembered of this key is out of date.
    this.#remembered.delete(JSON.stringify([entry.pool, entry.key]));
    if (this.#isClosed || this.#mirrorsInFlight >= MAX_MIRRORS_IN_FLIGHT) {
      this.#unmirrored += 1;
      return;
    }
    void this.#mirror(entry);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#retryTimer);
    const { size } = this.#remembered;
    if (size > 0) this.#options.log?.warn({ entries: size }, 'shared state closed before entries were written back');
    this.#remembered.clear();
  }

  async #mirror({ pool, key, backendId, ttlMs }: SettledEntry): Promise<void> {
    const { fallback } = this.#options;
    this.#mirrorsInFlight += 1;
    try {
      const bound = await fallback.claim(pool, key, backendId, ttlMs);
      if (bound !== backendId) await fallback.replace(pool, key, bound, backendId, ttlMs);
    } catch {
      // Nobody waits for a copy, and the engine's health tells why it failed; the count tells how many are missing.
      this.#unmirrored += 1;
    } finally {
      this.#mirrorsInFlight -= 1;
    }
  }

  #dropOldest(): void {
    for (const id of this.#remembered.keys()) {
      this.#remembered.delete(id);
      this.#dropped += 1;
      return;
    }
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    const writtenBefore = this.#written;
    try {
      while (this.#canWrite()) {
        const batch = [...this.#firstEntries(WRITTEN_AT_ONCE)];
        const outcomes = await Promise.all(batch.map(([id, entry]) => this.#write(id, entry)));
        if (outcomes.includes('failed')) break;
      }
    } finally {
      this.#isWriting = false;
      this.#reportWritten(this.#written - writtenBefore);
      this.#retryLater();
    }
  }

  #canWrite(): boolean {
    return !this.#isClosed && this.#remembered.size > 0 && this.#options.primary.health.status === 'ok';
  }

  *#firstEntries(count: number): Iterable<[string, Remembered]> {
    let left = count;
    for (const entry of this.#remembered) {
      if (left === 0) return;
      left -= 1;
      yield entry;
    }
  }

  async #write(id: string, entry: Remembered): Promise<'done' | 'failed'> {
    const ttlMs = Math.ceil(entry.expiresAt - performance.now());
    try {
      if (ttlMs > 0) await this.#settle(entry, ttlMs);
    } catch (error) {
      // Only what can succeed later stays.
      if (isRetryable(error)) return 'failed';
      this.#dropped += 1;
    }
    if (this.#remembered.get(id) === entry) this.#remembered.delete(id);
    return 'done';
  }

  async #settle({ pool, key, backendId, expected }: Remembered, ttlMs: number): Promise<void> {
    const { affinity } = this.#options.primary;
    const bound =
      expected === undefined
        ? await affinity.claim(pool, key, backendId, ttlMs)
        : await affinity.replace(pool, key, expected, backendId, ttlMs);
    this.#written += 1;
    if (bound !== backendId) this.mirror({ pool, key, backendId: bound, ttlMs });
  }

  #reportWritten(written: number): void {
    if (written === 0) return;
    const { remembered, dropped } = this.stats;
    this.#options.log?.info(
      { written, waiting: remembered, dropped },
      'shared state: entries of an outage written back',
    );
  }

  /** A failure without a change of health starts nothing by itself; this looks again, at no cost but a local check. */
  #retryLater(): void {
    if (this.#isClosed || this.#remembered.size === 0 || this.#retryTimer !== undefined) return;
    this.#retryTimer = setTimeout(() => this.#retry(), RETRY_MS).unref();
  }

  #retry(): void {
    this.#retryTimer = undefined;
    if (this.#canWrite()) this.start();
    else this.#retryLater();
  }
}

function isRetryable(error: unknown): boolean {
  return isEngineFailure(error) && (error as { retryable?: unknown }).retryable !== false;
}
