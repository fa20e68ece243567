/**
 * Weighted least connections: the lowest load per weight. A tie is broken at random in proportion to weight, not by
 * position: on an idle machine all candidates tie, and "the first" would be the same backend for every worker.
 */
import type { Candidate, Strategy } from './candidate.js';

export class LeastConnections<C extends Candidate> implements Strategy<C> {
  readonly #random: () => number;
  #candidates: readonly C[] = [];

  constructor(random: () => number) {
    this.#random = random;
  }

  setCandidates(candidates: readonly C[]): void {
    this.#candidates = candidates;
  }

  pick(nowMs: number, exclude: ReadonlySet<C> | undefined): C | undefined {
    let best: C | undefined;
    let lowest = Infinity;
    let tied = 0;
    for (const candidate of this.#candidates) {
      if (exclude?.has(candidate)) continue;
      const share = candidate.share(nowMs);
      const pressure = candidate.load / share;
      if (pressure > lowest) continue;
      tied = pressure < lowest ? share : tied + share;
      // Reservoir of one: each of the tied ends up chosen with the probability of its share.
      if (pressure < lowest || this.#random() * tied < share) best = candidate;
      lowest = pressure;
    }
    return best;
  }
}
