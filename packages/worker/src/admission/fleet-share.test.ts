import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { fleetShare } from './fleet-share.js';

const LIMITS = { perSecond: 1000, fleetPerSecond: 1000 };

it('is what the worker may by itself where the fleet has no cap', () => {
  expect(fleetShare({ demand: 5 }, [{ demand: 5 }, { demand: 5 }], { ...LIMITS, fleetPerSecond: 0 })).toBe(1000);
});

it('gives each the same where nobody is asked for anything, and more to whom it is asked of', () => {
  const idle = [{ demand: 0 }, { demand: 0 }];
  expect(fleetShare(idle[0]!, idle, LIMITS)).toBe(500);
  const [busy, quiet] = [{ demand: 300 }, { demand: 100 }];
  expect(fleetShare(busy, [busy, quiet], LIMITS)).toBe(625);
  expect(fleetShare(quiet, [busy, quiet], LIMITS)).toBe(375);
});

it('is all of it for whoever knows of nobody', () => {
  expect(fleetShare({ demand: 0 }, [], LIMITS)).toBe(1000);
});

it('adds up to no more than the whole', () => {
  const demands = fc.array(fc.record({ demand: fc.integer({ min: 0, max: 10_000 }) }), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(demands, fc.integer({ min: 100, max: 100_000 }), (workers, fleetPerSecond) => {
      const shares = workers.map((own) => fleetShare(own, workers, { perSecond: 1e9, fleetPerSecond }));
      expect(shares.reduce((sum, share) => sum + share, 0)).toBeLessThanOrEqual(fleetPerSecond * 1.001);
    }),
  );
});
