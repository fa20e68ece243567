/**
 * Whose lease has gone? Whoever is missing from the list of the living has died, unless this worker itself was without a list
 * for a while: then shared state was away, all leases may have run out, and the first who is back must not take all others for
 * dead. Pure but for its own memory.
 */

/** As long as a lease: whoever lives has renewed it by then. */
export const GRACE_MS = 6000;
/** A list comes every 2 s. After a longer pause, who is missing may just not have renewed yet. */
const PAUSE_MS = 5000;
/** Long enough for every topic to be swept with it. */
const REMEMBER_MS = 10 * 60_000;
const MAX_REMEMBERED = 256;

export class DeadOwners {
  readonly #self: string;
  /** On a list once, and not on the last one; not dead yet. */
  readonly #missing = new Set<string>();
  readonly #dead = new Map<string, number>();
  #alive: ReadonlySet<string> = new Set();
  #listedAtMs = Number.NEGATIVE_INFINITY;
  /** From then on the list is complete. */
  #trustedFromMs = Infinity;

  constructor(self: string) {
    this.#self = self;
  }

  /** A list came. True: somebody has died. */
  update(alive: readonly string[], nowMs: number): boolean {
    if (nowMs - this.#listedAtMs >= PAUSE_MS) this.#trustedFromMs = nowMs + GRACE_MS;
    this.#listedAtMs = nowMs;
    const now = new Set(alive);
    for (const id of this.#alive) this.#missing.add(id);
    for (const id of now) this.#missing.delete(id);
    for (const id of now) this.#dead.delete(id);
    this.#alive = now;
    if (this.#missing.size === 0 || nowMs < this.#trustedFromMs) return false;
    for (const id of this.#missing) this.#bury(id, nowMs);
    this.#missing.clear();
    return true;
  }

  /** It is on no list, though it would be if it lived. */
  isDead(owner: string, nowMs: number): boolean {
    if (owner === '' || owner === this.#self || this.#alive.has(owner) || this.#missing.has(owner)) return false;
    return nowMs >= this.#trustedFromMs;
  }

  /** Those who died lately. */
  recent(nowMs: number): readonly string[] {
    for (const [id, diedAtMs] of this.#dead) if (nowMs - diedAtMs >= REMEMBER_MS) this.#dead.delete(id);
    return [...this.#dead.keys()];
  }

  #bury(id: string, nowMs: number): void {
    this.#dead.set(id, nowMs);
    if (this.#dead.size <= MAX_REMEMBERED) return;
    for (const oldest of this.#dead.keys()) {
      this.#dead.delete(oldest);
      return;
    }
  }
}
