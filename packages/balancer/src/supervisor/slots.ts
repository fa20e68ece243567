/**
 * Counts that hold for the whole machine, such as open connections per client address: whoever wants one more asks here.
 * What each worker holds is kept apart, so that a worker that dies gives everything back. A count per worker with the
 * limit divided by their number was rejected: the kernel deals connections unevenly, so a client would meet a limit that depends on luck.
 */

export type AcquireResult = 'acquired' | 'limit' | 'full';

export interface SlotRequest {
  readonly workerId: number;
  /** What is counted, `connections:chat`: keys of different scopes do not meet. */
  readonly scope: string;
  readonly key: string;
}

export interface SlotTableOptions {
  /** Different keys counted at one time; about 300 bytes each. @default 500_000 */
  readonly maxKeys?: number;
}

const DEFAULT_MAX_KEYS = 500_000;

export class SlotTable {
  readonly #maxKeys: number;
  readonly #totals = new Map<string, number>();
  readonly #held = new Map<number, Map<string, number>>();

  constructor(options: SlotTableOptions = {}) {
    this.#maxKeys = options.maxKeys ?? DEFAULT_MAX_KEYS;
  }

  get size(): number {
    return this.#totals.size;
  }

  /** `limit`: `key` is at its limit. `full`: this table is; nothing was counted. */
  acquire(request: SlotRequest, limit: number): AcquireResult {
    const room = this.room(request, limit);
    if (room !== 'acquired') return room;
    const id = idOf(request);
    this.#totals.set(id, (this.#totals.get(id) ?? 0) + 1);
    const held = this.#heldBy(request.workerId);
    held.set(id, (held.get(id) ?? 0) + 1);
    return room;
  }

  /** What `acquire` would answer. */
  room(request: SlotRequest, limit: number): AcquireResult {
    const total = this.#totals.get(idOf(request)) ?? 0;
    if (total >= limit) return 'limit';
    return total === 0 && this.#totals.size >= this.#maxKeys ? 'full' : 'acquired';
  }

  /** False when this worker holds none of it: then nothing changes, others' slots are not its to give back. */
  release(request: SlotRequest): boolean {
    const id = idOf(request);
    const held = this.#held.get(request.workerId);
    if (held === undefined || !held.has(id)) return false;
    lower(held, id, 1);
    lower(this.#totals, id, 1);
    return true;
  }

  releaseAllOf(workerId: number): void {
    for (const [id, count] of this.#held.get(workerId) ?? []) lower(this.#totals, id, count);
    this.#held.delete(workerId);
  }

  #heldBy(workerId: number): Map<string, number> {
    const held = this.#held.get(workerId) ?? new Map<string, number>();
    this.#held.set(workerId, held);
    return held;
  }
}

function lower(counts: Map<string, number>, id: string, by: number): void {
  const left = (counts.get(id) ?? 0) - by;
  if (left > 0) counts.set(id, left);
  else counts.delete(id);
}

/** The length makes it unambiguous: scope `a`, key `b:c` and scope `a:b`, key `c` must not meet. */
function idOf({ scope, key }: SlotRequest): string {
  return `${scope.length}:${scope}:${key}`;
}
