/**
 * Two random choices: draw two distinct candidates by weight and take the one with less load per weight. Nearly as
 * even as least-connections, but it does not herd: counts of other workers are up to a report old, and everybody
 * who sends to "the" least loaded backend buries it until the next report. A tie goes to the first drawn, so that
 * idle backends are used by weight. Alias tables would draw in O(1), but not with weights that rise over time.
 */
import type { Candidate, Strategy } from './candidate.js';

export class TwoChoices<C extends Candidate> implements Strategy<C> {
  readonly #random: () => number;
  #candidates: readonly C[] = [];

  constructor(random: () => number) {
    this.#random = random;
  }

  setCandidates(candidates: readonly C[]): void {
    this.#candidates = candidates;
  }

  pick(nowMs: number, exclude: ReadonlySet<C> | undefined): C | undefined {
    const first = this.#draw(nowMs, exclude, undefined);
    if (first === undefined) return undefined;
    const second = this.#draw(nowMs, exclude, first);
    if (second === undefined) return first;
    return second.load / second.share(nowMs) < first.load / first.share(nowMs) ? second : first;
  }

  #draw(nowMs: number, exclude: ReadonlySet<C> | undefined, taken: C | undefined): C | undefined {
    let total = 0;
    for (const candidate of this.#candidates) {
      if (candidate !== taken && !exclude?.has(candidate)) total += candidate.share(nowMs);
    }
    let rest = this.#random() * total;
    let last: C | undefined;
    for (const candidate of this.#candidates) {
      if (candidate === taken || exclude?.has(candidate)) continue;
      last = candidate;
      rest -= candidate.share(nowMs);
      if (rest < 0) break;
    }
    return last; // also when rounding left a crumb of `rest` behind the last one
  }
}
