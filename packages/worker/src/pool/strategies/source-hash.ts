/**
 * The same key goes to the same backend, in every worker and balancer that sees the same members. Slow starts do not
 * count here: each machine begins them at its own moment, and the answers would differ meanwhile. A request
 * without a key is balanced by two choices.
 */
import type { Candidate, Strategy } from './candidate.js';
import { hashString, rendezvousScore } from './hash.js';
import { TwoChoices } from './two-choices.js';

export class SourceHash<C extends Candidate> implements Strategy<C> {
  readonly #keyless: TwoChoices<C>;
  #candidates: readonly C[] = [];
  /** In the order of the candidates. */
  #idHashes: readonly number[] = [];

  constructor(random: () => number) {
    this.#keyless = new TwoChoices(random);
  }

  setCandidates(candidates: readonly C[]): void {
    this.#keyless.setCandidates(candidates);
    this.#candidates = candidates;
    this.#idHashes = candidates.map((candidate) => hashString(candidate.id));
  }

  pick(nowMs: number, exclude: ReadonlySet<C> | undefined, hashKey: string | undefined): C | undefined {
    if (hashKey === undefined) return this.#keyless.pick(nowMs, exclude);
    const keyHash = hashString(hashKey);
    let best: C | undefined;
    let bestScore = -Infinity;
    for (const [index, candidate] of this.#candidates.entries()) {
      if (exclude?.has(candidate)) continue;
      const score = rendezvousScore(keyHash, this.#idHashes[index] ?? 0, candidate.weight);
      if (score > bestScore) [best, bestScore] = [candidate, score];
    }
    return best;
  }
}
