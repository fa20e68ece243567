/**
 * The candidates of a hashing strategy with the hashes of their ids, and the best of them for a key. What the strategies
 * differ in is whom they pass over.
 */
import type { Candidate } from './candidate.js';
import { hashString, rendezvousScore } from './hash.js';

export class Rendezvous<C extends Candidate> {
  #candidates: readonly C[] = [];
  /** In the order of the candidates. */
  #idHashes: readonly number[] = [];

  get candidates(): readonly C[] {
    return this.#candidates;
  }

  setCandidates(candidates: readonly C[]): void {
    this.#candidates = candidates;
    this.#idHashes = candidates.map((candidate) => hashString(candidate.id));
  }

  best(key: string, isPassedOver: (candidate: C) => boolean): C | undefined {
    const keyHash = hashString(key);
    let best: C | undefined;
    let bestScore = -Infinity;
    for (const [index, candidate] of this.#candidates.entries()) {
      if (isPassedOver(candidate)) continue;
      const score = rendezvousScore(keyHash, this.#idHashes[index] ?? 0, candidate.weight);
      if (score > bestScore) [best, bestScore] = [candidate, score];
    }
    return best;
  }
}
