/**
 * What this worker learned of the shared map in the last seconds: spares long-polling a round trip per request. Short,
 * because another worker may rebind a key when its backend goes; bounded, oldest out first.
 */

const MAX_ENTRIES = 50_000;
/** An entry is believed this long at most; a backend that is gone is not believed at all, see Affinity. */
const BELIEVED_MS = 5_000;

export class RecentKeys {
  readonly #entries = new Map<string, { readonly backendId: string; readonly until: number }>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  get(pool: string, key: string): string | undefined {
    const id = `${pool}\n${key}`;
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    if (entry.until > this.#now()) return entry.backendId;
    this.#entries.delete(id);
    return undefined;
  }

  set(pool: string, key: string, backendId: string, ttlMs: number): void {
    const id = `${pool}\n${key}`;
    this.#entries.delete(id);
    if (this.#entries.size >= MAX_ENTRIES) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
    this.#entries.set(id, { backendId, until: this.#now() + Math.min(ttlMs, BELIEVED_MS) });
  }
}
