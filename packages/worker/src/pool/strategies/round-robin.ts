/**
 * Smooth weighted round-robin: every pick gives each candidate its weight in credit, the richest is chosen and pays
 * for all. Turns of a heavy backend are spread between the others' (A B A C A, not A A A B C). Credits start at a
 * random phase: otherwise each new worker would send its first connection to the same backend. They survive a
 * change of the list, so that a health event does not start the round again at its first member.
 */
import type { Candidate, Strategy } from './candidate.js';

export class RoundRobin<C extends Candidate> implements Strategy<C> {
  readonly #random: () => number;
  #candidates: readonly C[] = [];
  /** In the order of the candidates. */
  #credits: number[] = [];

  constructor(random: () => number) {
    this.#random = random;
  }

  setCandidates(candidates: readonly C[]): void {
    const known = new Map(this.#candidates.map((candidate, index) => [candidate, this.#credits[index]]));
    this.#candidates = candidates;
    this.#credits = candidates.map((candidate) => known.get(candidate) ?? (this.#random() - 0.5) * candidate.weight);
  }

  pick(nowMs: number, exclude: ReadonlySet<C> | undefined): C | undefined {
    const credits = this.#credits;
    let best = -1;
    let bestCredit = -Infinity;
    let total = 0;
    for (const [index, candidate] of this.#candidates.entries()) {
      if (exclude?.has(candidate)) continue;
      const share = candidate.share(nowMs);
      const credit = (credits[index] ?? 0) + share;
      credits[index] = credit;
      total += share;
      if (credit > bestCredit) [best, bestCredit] = [index, credit];
    }
    if (best < 0) return undefined;
    credits[best] = bestCredit - total;
    return this.#candidates[best];
  }
}
