import { describe, expect, it } from 'vitest';
import { EvenPace, PACE_TICK_MS } from './even-pace.js';

interface Run {
  readonly count: number;
  readonly windowMs?: number;
  readonly perSecond?: number;
  /** When the pace is asked; default: every tick. */
  readonly times?: (nowMs: number) => number;
  readonly newcomers?: (nowMs: number) => number;
}

/** Times at which each went. */
function play({
  count,
  windowMs = 10_000,
  perSecond = 0,
  times = (now) => now + PACE_TICK_MS,
  newcomers,
}: Run): number[] {
  const pace = new EvenPace({ count, windowMs, perSecond, nowMs: 0 });
  const went: number[] = [];
  let left = count;
  for (let nowMs = 0; left > 0 && nowMs < 1_000_000; nowMs = times(nowMs)) {
    const joined = newcomers?.(nowMs) ?? 0;
    pace.add(joined);
    left += joined;
    const taken = pace.take(left, nowMs);
    left -= taken;
    for (let i = 0; i < taken; i += 1) went.push(nowMs);
  }
  return went;
}

function peakPer100ms(times: readonly number[]): number {
  return Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + 100).length));
}

describe('an even pace', () => {
  it('spreads all over the window', () => {
    const times = play({ count: 2000 });
    expect(times).toHaveLength(2000);
    expect(times.at(-1)).toBeGreaterThan(9_500);
    expect(times.at(-1)).toBeLessThanOrEqual(10_100);
    expect(peakPer100ms(times)).toBeLessThanOrEqual(22);
    expect(times.filter((at) => at < 5000).length).toBeGreaterThan(950);
  });

  it('never makes up for a pause by a burst, and ends a little late instead', () => {
    const times = play({ count: 2000, times: (now) => (now % 1000 < 300 ? now + 300 : now + PACE_TICK_MS) });
    expect(times).toHaveLength(2000);
    expect(peakPer100ms(times)).toBeLessThanOrEqual(26);
    expect(times.at(-1)).toBeLessThan(14_000);
  });

  it('lets newcomers join the tail', () => {
    const times = play({ count: 1000, newcomers: (now) => (now === 5000 ? 200 : 0) });
    expect(times).toHaveLength(1200);
    expect(times.at(-1)).toBeLessThan(11_500);
    expect(peakPer100ms(times)).toBeLessThanOrEqual(16);
  });

  it('is no faster than it may be, whatever the window', () => {
    const times = play({ count: 500, windowMs: 1000, perSecond: 100 });
    expect(times.at(-1)).toBeGreaterThan(4_900);
    expect(peakPer100ms(times)).toBeLessThanOrEqual(13);
  });

  it('lets a single one go at once', () => {
    expect(play({ count: 1 })).toEqual([0]);
  });

  it('takes those at once that have no time', () => {
    expect(play({ count: 100, windowMs: 0 }).at(-1)).toBeLessThanOrEqual(200);
  });
});
