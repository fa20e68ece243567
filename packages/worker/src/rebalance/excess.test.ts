import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { balancerExcess, excessOf, hasRoom } from './excess.js';

const even = (...loads: number[]) => loads.map((load) => ({ load, weight: 1 }));
const worker = (balancer: string, sessions: number, isTaking = true) => ({
  balancer,
  sessions,
  isTaking,
  admissionPerSecond: 1000,
  demand: 0,
});

describe('the excess of one of several', () => {
  it.each([
    ['all of it is at one', even(200, 0), 95],
    ['it is a little above the mean', even(109, 91), 0],
    ['it is the one with less', even(50, 150), 0],
    ['there is no other', even(500), 0],
    ['there are hardly any', even(15, 1), 0],
  ])('where %s', (_what, all, excess) => {
    expect(excessOf(all[0]!, all)).toBe(excess);
  });

  it('goes by weight', () => {
    const all = [
      { load: 150, weight: 3 },
      { load: 50, weight: 1 },
      { load: 100, weight: 0 },
    ];
    expect(all.map((one) => excessOf(one, all))).toEqual([0, 0, 100]);
    expect(all.map((one) => hasRoom(one, all))).toEqual([true, true, false]);
  });

  it('is gone when it was given away, to those who have room', () => {
    const loads = fc.array(fc.record({ load: fc.nat(10_000), weight: fc.integer({ min: 1, max: 10 }) }), {
      minLength: 2,
      maxLength: 20,
    });
    fc.assert(
      fc.property(loads, (all) => {
        const left = all.map(({ load, weight }) => ({ load, weight }));
        for (const [i, one] of all.entries()) {
          for (let excess = Math.floor(excessOf(one, all)); excess > 0; excess -= 1) {
            const to = left.find((other) => hasRoom(other, left));
            if (to === undefined) break;
            left[i]!.load -= 1;
            to.load += 1;
          }
        }
        for (const one of left) expect(excessOf(one, left)).toBeLessThanOrEqual(Math.max(2, one.load * 0.02));
      }),
    );
  });
});

describe('the excess of a balancer', () => {
  it('is divided among its workers by what they have', () => {
    const workers = [worker('a', 150), worker('a', 50), worker('b', 0), worker('b', 0)];
    expect(balancerExcess('a', 150, workers)).toBeCloseTo(71.25);
    expect(balancerExcess('a', 50, workers)).toBeCloseTo(23.75);
    expect(balancerExcess('b', 0, workers)).toBe(0);
  });

  it('is none while the others take nobody, or it is leaving itself', () => {
    expect(balancerExcess('a', 200, [worker('a', 200), worker('b', 0, false)])).toBe(0);
    expect(balancerExcess('a', 200, [worker('a', 200, false), worker('b', 0)])).toBe(0);
  });
});
