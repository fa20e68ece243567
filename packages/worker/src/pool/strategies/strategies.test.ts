import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BalanceStrategy } from '../../config.js';
import type { Candidate, Strategy } from './candidate.js';
import { LOAD_BOUND } from './consistent-hash.js';
import { createStrategy } from './strategy.js';

class Fake implements Candidate {
  load = 0;
  readonly id: string;
  readonly weight: number;
  constructor(id: string, weight: number) {
    this.id = id;
    this.weight = weight;
  }
  share(): number {
    return this.weight;
  }
}

/** mulberry32: small, seeded, good enough to count with. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function fakes(weights: readonly number[]): Fake[] {
  return weights.map((weight, index) => new Fake(`10.0.0.${index}:3000`, weight));
}

function strategyOf(balance: BalanceStrategy, candidates: readonly Fake[], seed = 1): Strategy<Fake> {
  const strategy = createStrategy<Fake>(balance, seeded(seed));
  strategy.setCandidates(candidates);
  return strategy;
}

const all = ['round-robin', 'least-connections', 'two-choices', 'source-hash', 'consistent-hash'] as const;
const weightsOf = fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 1, maxLength: 8 });

describe.each(all)('%s', (balance) => {
  it('picks nobody from an empty list', () => {
    expect(strategyOf(balance, []).pick(0, undefined, 'key')).toBeUndefined();
  });

  it('never picks an excluded candidate and finds one as long as one is left', () => {
    const property = fc.property(
      weightsOf,
      fc.nat(),
      fc.option(fc.string(), { nil: undefined }),
      (weights, seed, key) => {
        const candidates = fakes(weights);
        const strategy = strategyOf(balance, candidates, seed);
        const tried = new Set<Fake>();
        for (let i = 0; i < candidates.length; i += 1) {
          const picked = strategy.pick(0, tried, key);
          expect(picked).toBeDefined();
          expect(tried.has(picked!)).toBe(false);
          tried.add(picked!);
        }
        expect(strategy.pick(0, tried, key)).toBeUndefined();
      },
    );
    fc.assert(property, { numRuns: 50 });
  });

  it('distributes by weight when nothing is in flight', () => {
    const property = fc.property(weightsOf, fc.nat(), (weights, seed) => {
      const candidates = fakes(weights);
      const strategy = strategyOf(balance, candidates, seed);
      const counts = new Map<Fake, number>();
      const rounds = 4000;
      for (let i = 0; i < rounds; i += 1) {
        const picked = strategy.pick(0, undefined, `client-${seed}-${i}`)!;
        counts.set(picked, (counts.get(picked) ?? 0) + 1);
      }
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      for (const candidate of candidates) {
        const expected = candidate.weight / total;
        const deviation = Math.abs((counts.get(candidate) ?? 0) / rounds - expected);
        // Six standard deviations: a false alarm in 10⁸.
        expect(deviation).toBeLessThan(6 * Math.sqrt((expected * (1 - expected)) / rounds) + 1e-3);
      }
    });
    fc.assert(property, { numRuns: 20 });
  });
});

describe('round-robin', () => {
  it('gives each candidate exactly its weight in every round', () => {
    const candidates = fakes([5, 1, 1]);
    const strategy = strategyOf('round-robin', candidates);
    const picks = Array.from({ length: 70 }, () => strategy.pick(0, undefined, undefined)!.weight);
    expect(picks.filter((weight) => weight === 5)).toHaveLength(50);
  });

  it('spreads the turns of a heavy candidate between the others', () => {
    const strategy = strategyOf('round-robin', fakes([2, 1, 1]));
    const picks = Array.from({ length: 40 }, () => strategy.pick(0, undefined, undefined)!.weight).join('');
    expect(picks).not.toContain('222');
  });

  it('does not begin at the same candidate in every worker', () => {
    const firsts = Array.from({ length: 50 }, (_, seed) =>
      strategyOf('round-robin', fakes([1, 1, 1]), seed).pick(0, undefined, undefined),
    );
    expect(new Set(firsts.map((first) => first!.id)).size).toBe(3);
  });

  it('goes on where it was when the list changes', () => {
    const candidates = fakes([1, 1, 1, 1]);
    const strategy = strategyOf('round-robin', candidates);
    const first = strategy.pick(0, undefined, undefined);
    strategy.setCandidates([...candidates]);
    const rest = Array.from({ length: 3 }, () => strategy.pick(0, undefined, undefined));
    expect(new Set([first, ...rest]).size).toBe(4);
  });
});

describe('least-connections', () => {
  it('takes the lowest load per weight', () => {
    const candidates = fakes([1, 4, 1]);
    const loads = [2, 4, 3];
    for (const [index, candidate] of candidates.entries()) candidate.load = loads[index]!;
    expect(strategyOf('least-connections', candidates).pick(0, undefined, undefined)).toBe(candidates[1]);
  });

  it('breaks ties at random', () => {
    const strategy = strategyOf('least-connections', fakes([1, 1, 1]));
    const picks = Array.from({ length: 60 }, () => strategy.pick(0, undefined, undefined)!.id);
    expect(new Set(picks).size).toBe(3);
  });
});

describe('two-choices', () => {
  it('keeps the most loaded of all from being picked', () => {
    const candidates = fakes([1, 1, 1, 1]);
    candidates[2]!.load = 9;
    const strategy = strategyOf('two-choices', candidates);
    for (let i = 0; i < 500; i += 1) expect(strategy.pick(0, undefined, undefined)).not.toBe(candidates[2]);
  });

  it('keeps long-lived connections nearly even', () => {
    const candidates = fakes([1, 1, 1, 1, 1]);
    const strategy = strategyOf('two-choices', candidates);
    for (let i = 0; i < 5000; i += 1) strategy.pick(0, undefined, undefined)!.load += 1;
    for (const candidate of candidates) expect(Math.abs(candidate.load - 1000)).toBeLessThan(20);
  });
});

describe.each(['source-hash', 'consistent-hash'] as const)('%s of a key', (balance) => {
  it('answers the same in every worker, whatever the order of members and the randomness', () => {
    const property = fc.property(weightsOf, fc.string(), fc.nat(), (weights, key, seed) => {
      const here = strategyOf(balance, fakes(weights), seed).pick(0, undefined, key);
      const there = strategyOf(balance, fakes(weights).toReversed(), seed + 1).pick(0, undefined, key);
      expect(there!.id).toBe(here!.id);
    });
    fc.assert(property);
  });

  it('moves only the keys of a candidate that leaves', () => {
    const property = fc.property(weightsOf, fc.nat(), fc.string(), (weights, leaver, salt) => {
      const candidates = fakes([...weights, 1]);
      const gone = candidates[leaver % candidates.length]!;
      const before = strategyOf(balance, candidates);
      const after = strategyOf(
        balance,
        candidates.filter((candidate) => candidate !== gone),
      );
      const keys = Array.from({ length: 100 }, (_, index) => salt + index);
      const stayed = keys.filter((key) => before.pick(0, undefined, key) !== gone);
      for (const key of stayed) expect(after.pick(0, undefined, key)).toBe(before.pick(0, undefined, key));
    });
    fc.assert(property, { numRuns: 50 });
  });
});

describe('consistent-hash', () => {
  it('never fills a candidate over its bound, even when all want the same one', () => {
    const property = fc.property(weightsOf, fc.integer({ min: 1, max: 20 }), (weights, keys) => {
      const candidates = fakes(weights);
      const strategy = strategyOf('consistent-hash', candidates);
      const totalWeight = weights.reduce((sum, weight) => sum + weight, 0);
      for (let inFlight = 1; inFlight <= 300; inFlight += 1) {
        const picked = strategy.pick(0, undefined, `room-${inFlight % keys}`);
        expect(picked).toBeDefined();
        picked!.load += 1;
        const bound = Math.ceil((LOAD_BOUND * inFlight * picked!.weight) / totalWeight);
        expect(picked!.load).toBeLessThanOrEqual(bound);
      }
    });
    fc.assert(property, { numRuns: 50 });
  });
});
