import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AdmissionRate } from './admission-rate.js';

/** Times of those who were let in, when so many ask at each of these moments. */
function admitted(rate: AdmissionRate, asked: readonly { readonly atMs: number; readonly count: number }[]): number[] {
  const times: number[] = [];
  for (const { atMs, count } of asked) {
    for (let i = 0; i < count; i += 1) if (rate.take(atMs)) times.push(atMs);
  }
  return times;
}

describe('AdmissionRate', () => {
  it('lets in no more than its rate, however many come', () => {
    const everyMs = Array.from({ length: 10_000 }, (_, atMs) => ({ atMs, count: 5 }));
    const times = admitted(new AdmissionRate(1000, 0), everyMs);
    expect(times.length).toBeGreaterThan(9900);
    expect(times.length).toBeLessThanOrEqual(10_100);
  });

  it('makes up for a busy event loop', () => {
    const rate = new AdmissionRate(1000, 0);
    const late = Array.from({ length: 200 }, (_, i) => ({ atMs: i * 50, count: 1000 }));
    expect(admitted(rate, late).length).toBeGreaterThan(9500);
  });

  it('lets in one at once, at any rate', () => {
    expect(new AdmissionRate(0.1, 0).take(0)).toBe(true);
  });

  it('says when to ask again', () => {
    const rate = new AdmissionRate(2, 0);
    expect(rate.take(0)).toBe(true);
    expect(rate.waitMs(0)).toBe(500);
    expect(rate.take(499)).toBe(false);
    expect(rate.take(500)).toBe(true);
  });

  it('does not go back with a clock that does', () => {
    const rate = new AdmissionRate(1, 1000);
    expect(rate.take(0)).toBe(true);
    expect(rate.take(0)).toBe(false);
  });

  it('never lets in more than 1.15 times its rate in any 100 ms', () => {
    const moments = fc.array(fc.record({ gapMs: fc.integer({ min: 0, max: 300 }), count: fc.integer({ max: 300 }) }));
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 3000 }), moments, (perSecond, gaps) => {
        let atMs = 0;
        const asked = gaps.map(({ gapMs, count }) => ({ atMs: (atMs += gapMs), count }));
        const times = admitted(new AdmissionRate(perSecond, 0), asked);
        for (const begin of times) {
          const inWindow = times.filter((time) => time >= begin && time < begin + 100).length;
          expect(inWindow).toBeLessThanOrEqual(Math.ceil(perSecond * 0.115));
        }
      }),
    );
  });
});
