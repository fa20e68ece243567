/**
 * The same key goes to the same backend, in every worker and balancer that sees the same members. Slow starts do not
 * count here: each machine begins them at its own moment, and the answers would differ meanwhile. A request
 * without a key is balanced by two choices.
 */
import type { Candidate, Strategy } from './candidate.js';
import { Rendezvous } from './rendezvous.js';
import { TwoChoices } from './two-choices.js';

export class SourceHash<C extends Candidate> implements Strategy<C> {
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
    return this.#rendezvous.best(hashKey, (candidate) => exclude?.has(candidate) === true);
  }
}
