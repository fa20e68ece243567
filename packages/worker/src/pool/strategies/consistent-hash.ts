/**
 * Hashing with bounded load: a key goes to its backend unless that one holds more than 1.25 times its fair share of
 * what is in flight; then to the next in the key's own order, so that the overflow of one backend spreads over all the
 * others. One popular key therefore cannot bury a backend. There is always one below its bound: the bounds add up
 * to more than all that is in flight. Slow starts do not count, as in source-hash.
 */
import type { Candidate, Strategy } from './candidate.js';
import { Rendezvous } from './rendezvous.js';
import { TwoChoices } from './two-choices.js';

/** Load that a backend may reach, over its fair share: lower is more even, higher moves fewer keys. */
export const LOAD_BOUND = 1.25;

export class ConsistentHash<C extends Candidate> implements Strategy<C> {
  readonly #keyless: TwoChoices<C>;
  readonly #rendezvous = new Rendezvous<C>();

  constructor(random: () => number) {
    this.#keyless = new TwoChoices(random);
  }

  setCandidates(candidates: readonly C[]): void {
    this.#keyless.setCandidates(candidates);
    this.#rendezvous.setCandidates(candidates);
  }

  pick(nowMs: number, exclude: ReadonlySet<C> | undefined, hashKey: string | undefined): C | undefined {
    if (hashKey === undefined) return this.#keyless.pick(nowMs, exclude);
    const total = this.#totals(exclude);
    // In this order of operations: divided first, an exact share can come out a hair above itself and be rounded up.
    const isFull = ({ load, weight }: C): boolean =>
      load >= Math.ceil((LOAD_BOUND * total.load * weight) / total.weight);
    return this.#rendezvous.best(hashKey, (candidate) => exclude?.has(candidate) === true || isFull(candidate));
  }

  /** What is being placed counts as in flight already. */
  #totals(exclude: ReadonlySet<C> | undefined): { readonly load: number; readonly weight: number } {
    let load = 1;
    let weight = 0;
    for (const candidate of this.#rendezvous.candidates) {
      if (exclude?.has(candidate)) continue;
      load += candidate.load;
      weight += candidate.weight;
    }
    return { load, weight };
  }
}
