/**
 * EmbeddedAffinity: the affinity map of one machine, in the memory of the supervisor. Synchronous, so that every
 * operation is atomic by itself. Each claim sets its entry anew: at the bound the least recently claimed goes.
 */
import type { AffinityKey } from '../arguments.js';
import { ExpiringMap } from './expiring-map.js';

export class EmbeddedAffinity {
  readonly #bound: ExpiringMap<string>;

  constructor(maxEntries: number) {
    this.#bound = new ExpiringMap({ maxEntries });
  }

  get entries(): number {
    return this.#bound.size;
  }

  get evicted(): number {
    return this.#bound.evicted;
  }

  lookup(at: AffinityKey): string | undefined {
    return this.#bound.get(idOf(at));
  }

  claim(at: AffinityKey, backendId: string, ttlMs: number): string {
    const id = idOf(at);
    const bound = this.#bound.get(id) ?? backendId;
    this.#bound.set(id, bound, ttlMs);
    return bound;
  }

  replace(at: AffinityKey, expected: string, backendId: string, ttlMs: number): string {
    const id = idOf(at);
    const bound = this.#bound.get(id);
    if (bound !== undefined && bound !== expected) return bound;
    this.#bound.set(id, backendId, ttlMs);
    return backendId;
  }

  close(): void {
    this.#bound.close();
  }
}

/** The length makes it unambiguous: pool `a`, key `b:c` and pool `a:b`, key `c` must not meet. */
function idOf({ pool, key }: AffinityKey): string {
  return `${pool.length}:${pool}:${key}`;
}
