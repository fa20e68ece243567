/**
 * Pacing: bounds and shape of each delay, the rules of ReconnectSchedule one by one, and what they are for: a hundred thousand
 * clients that come back without a step in the curve. Randomness is seeded; failures name the seed.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstDelayMs, promptDelayMs, ReconnectSchedule, retryDelayMs } from './pacing.js';

const SEED = 20_240_607;
const random01 = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const pacingMs = fc.oneof(fc.nat(), fc.constantFrom(0, 1, 249, 250, 120_000, 120_001, Number.MAX_SAFE_INTEGER));
/** The largest random number. */
const TOP = 1 - 2 ** -53;

describe('delays', () => {
  it.each([
    { w: 0, upTo: 250 },
    { w: 250, upTo: 250 },
    { w: 50_000, upTo: 50_000 },
    { w: 999_999, upTo: 120_000 },
  ])('after an unclean loss with w = $w ms, spread from 0 to $upTo ms', ({ w, upTo }) => {
    expect(firstDelayMs(w, 0)).toBe(0);
    expect(firstDelayMs(w, 0.5)).toBe(upTo / 2);
    expect(firstDelayMs(w, TOP)).toBeCloseTo(upTo);
  });

  it.each([
    { k: 1, w: 0, upTo: 1600 },
    { k: 2, w: 0, upTo: 2560 },
    { k: 5, w: 0, upTo: 1000 * 1.6 ** 5 },
    { k: 6, w: 0, upTo: 15_000 },
    { k: 5000, w: 0, upTo: 15_000 },
    { k: 1, w: 40_000, upTo: 40_000 },
    { k: 9, w: 14_000, upTo: 15_000 },
    { k: 1, w: 1e9, upTo: 120_000 },
  ])('after failed try $k with w = $w ms, spread from 0 to $upTo ms', ({ k, w, upTo }) => {
    expect(retryDelayMs(k, w, 0)).toBe(0);
    expect(retryDelayMs(k, w, 0.5)).toBeCloseTo(upTo / 2);
    expect(retryDelayMs(k, w, TOP)).toBeCloseTo(upTo);
  });

  it.each([
    { w: 0, upTo: 0 },
    { w: 700, upTo: 700 },
    { w: 60_000, upTo: 2000 },
  ])('when told that it will work now with w = $w ms, spread from 0 to $upTo ms', ({ w, upTo }) => {
    expect(promptDelayMs(w, 0)).toBe(0);
    expect(promptDelayMs(w, TOP)).toBeCloseTo(upTo);
  });

  it('are finite and within two minutes, whatever a worker says', () => {
    fc.assert(
      fc.property(random01, pacingMs, fc.integer({ min: 1, max: 1e6 }), (random, w, k) => {
        for (const delay of [firstDelayMs(w, random), retryDelayMs(k, w, random), promptDelayMs(w, random)]) {
          expect(delay).toBeGreaterThanOrEqual(0);
          expect(delay).toBeLessThanOrEqual(120_000);
        }
      }),
    );
  });

  it.each([
    { name: 'first', delay: (random: number) => firstDelayMs(30_000, random), upTo: 30_000 },
    { name: 'retry below the cap', delay: (random: number) => retryDelayMs(2, 0, random), upTo: 2560 },
    { name: 'retry at the cap', delay: (random: number) => retryDelayMs(20, 0, random), upTo: 15_000 },
  ])('$name: uniform, over 100,000 seeded draws', ({ delay, upTo }) => {
    const random = generator(SEED);
    const bins = Array.from({ length: 20 }, () => 0);
    for (let i = 0; i < 100_000; i += 1) {
      const bin = Math.floor((delay(random()) / upTo) * bins.length);
      bins[bin] = (bins[bin] ?? 0) + 1;
    }
    // 5,000 each; six standard deviations of a binomial are about 413.
    for (const count of bins) expect(Math.abs(count - 5000), `seed ${SEED}`).toBeLessThan(413);
  });
});

describe('ReconnectSchedule', () => {
  /** What the bound of each delay was: random 0.5 answers half of it. */
  const bound = (schedule: ReconnectSchedule, nowMs: number): number => schedule.lost(nowMs, 0.5) * 2;

  it('spreads the first try after a loss over the window (rule 1)', () => {
    const schedule = new ReconnectSchedule();
    schedule.windowMs = 8000;
    schedule.opened(0);
    expect(bound(schedule, 100_000)).toBe(8000);
  });

  it('backs off try by try from 1.6 s to 15 s (rule 2)', () => {
    const schedule = new ReconnectSchedule();
    schedule.opened(0);
    expect(bound(schedule, 100_000)).toBe(250);
    const bounds = Array.from({ length: 7 }, (_, i) => Math.round(bound(schedule, 100_000 + i)));
    expect(bounds).toEqual([1600, 2560, 4096, 6554, 10_486, 15_000, 15_000]);
  });

  it('backs off from the first failure on when it was never connected (rule 2)', () => {
    const schedule = new ReconnectSchedule();
    expect([0, 1, 2].map((nowMs) => Math.round(bound(schedule, nowMs)))).toEqual([1600, 2560, 4096]);
  });

  it('goes on backing off when connections open and end at once (rule 3)', () => {
    const schedule = new ReconnectSchedule();
    schedule.opened(0);
    expect(bound(schedule, 4999)).toBe(250);
    const bounds = [1, 2, 3].map((round) => {
      schedule.opened(round * 10_000);
      return Math.round(bound(schedule, round * 10_000 + 4999));
    });
    expect(bounds).toEqual([1600, 2560, 4096]);
  });

  it('begins anew after 5 s of a stable connection (rule 3)', () => {
    const schedule = new ReconnectSchedule();
    schedule.opened(0);
    for (let i = 0; i < 6; i += 1) schedule.lost(10, 0);
    schedule.opened(20_000);
    expect(bound(schedule, 25_000)).toBe(250);
    expect(bound(schedule, 25_001)).toBe(1600);
  });

  it('never waits less than the window between tries (rule 2)', () => {
    const schedule = new ReconnectSchedule();
    schedule.windowMs = 60_000;
    schedule.opened(0);
    expect([0, 1, 2, 3].map((nowMs) => bound(schedule, nowMs))).toEqual([60_000, 60_000, 60_000, 60_000]);
  });

  it('backs off as well when the next connection fails while the old one stands (rule 5)', () => {
    const schedule = new ReconnectSchedule();
    schedule.opened(0);
    expect([1, 2, 3].map(() => Math.round(schedule.failed(0.5) * 2))).toEqual([1600, 2560, 4096]);
    expect(Math.round(bound(schedule, 4999))).toBe(6554);
  });

  it('counts the tries since the last stable connection', () => {
    const schedule = new ReconnectSchedule();
    expect(schedule.attempt).toBe(0);
    schedule.opened(0);
    schedule.lost(10_000, 0);
    expect(schedule.attempt).toBe(1);
    schedule.lost(10_001, 0);
    expect(schedule.attempt).toBe(2);
  });
});

describe('100,000 clients that lost their worker at the same instant', () => {
  const CLIENTS = 100_000;
  const OUTAGE_S = 60;

  /** Tries in each second while nothing answers. */
  function triesPerSecond(nextDelayMs: () => (failed: number) => number): number[] {
    const seconds = Array.from({ length: OUTAGE_S }, () => 0);
    for (let client = 0; client < CLIENTS; client += 1) {
      const delay = nextDelayMs();
      for (let at = delay(0), failed = 1; at < OUTAGE_S * 1000; at += delay(failed), failed += 1) {
        seconds[Math.floor(at / 1000)]! += 1;
      }
    }
    return seconds;
  }

  /** How many times the quietest second the busiest one is, once all have reached the cap. */
  function unevenness(seconds: readonly number[]): number {
    const settled = seconds.slice(30);
    return Math.max(...settled) / Math.min(...settled);
  }

  it('knock evenly once they are at the cap, where a jitter that the cap cuts off keeps them in step', () => {
    const random = generator(SEED);
    const ours = triesPerSecond(() => {
      const schedule = new ReconnectSchedule();
      schedule.opened(0);
      return (failed) => schedule.lost(failed === 0 ? 100_000 : 100_001, random());
    });
    // The same backoff with half of it as jitter, then the cap: from the eighth try on all wait 15 s to the millisecond.
    const cappedAfterwards = triesPerSecond(
      () => (failed) => Math.min(15_000, 1000 * 1.6 ** failed * (0.5 + random())),
    );
    expect(unevenness(ours), `seed ${SEED}`).toBeLessThan(1.15);
    expect(unevenness(cappedAfterwards), `seed ${SEED}`).toBeGreaterThan(1.5);
  });

  it('knock at most a tenth more than 2,000 times a second with a window of 50 s', () => {
    const random = generator(SEED);
    const seconds = triesPerSecond(() => {
      const schedule = new ReconnectSchedule();
      schedule.windowMs = 50_000;
      schedule.opened(0);
      // Each is let in at its first try.
      return (failed) => (failed === 0 ? schedule.lost(100_000, random()) : Infinity);
    });
    expect(seconds.reduce((sum, count) => sum + count, 0)).toBe(CLIENTS);
    expect(Math.max(...seconds), `seed ${SEED}`).toBeLessThan(2200);
  });
});

/** mulberry32: small, uniform in [0, 1), the same everywhere. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
