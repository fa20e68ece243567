import { describe, expect, it } from 'vitest';
import {
  canSpareOne,
  type OutlierContext,
  type OutlierState,
  recordOutcome,
  releaseIfDue,
  WATCHED,
} from './outlier.js';

const config = { consecutiveFailures: 5, baseEjectionMs: 1000, maxEjectionMs: 5000, maxEjectedPercent: 50 };
const failures = (count: number) => ({ successes: 0, failures: count, streak: count });

function at(nowMs: number, change: Partial<OutlierContext> = {}): OutlierContext {
  return { config, nowMs, mayEject: () => true, ...change };
}

describe('a streak', () => {
  it('adds up over reports without a success', () => {
    const state = recordOutcome(recordOutcome(WATCHED, failures(2), at(0)), failures(2), at(0));
    expect(state).toMatchObject({ name: 'watched', streak: 4 });
    expect(recordOutcome(state, failures(1), at(0))).toMatchObject({ name: 'ejected', until: 1000 });
  });

  it('starts again after a success', () => {
    const state = recordOutcome(WATCHED, failures(4), at(0));
    expect(recordOutcome(state, { successes: 1, failures: 6, streak: 2 }, at(0))).toMatchObject({ streak: 2 });
  });

  it('never ejects when switched off', () => {
    const off = at(0, { config: { ...config, consecutiveFailures: 0 } });
    expect(recordOutcome(WATCHED, failures(1000), off).name).toBe('watched');
  });

  it('of one that cannot be spared ejects it later', () => {
    const spared = recordOutcome(WATCHED, failures(5), at(0, { mayEject: () => false }));
    expect(spared).toMatchObject({ name: 'watched', streak: 5 });
    expect(recordOutcome(spared, failures(1), at(0)).name).toBe('ejected');
  });
});

describe('an ejection', () => {
  function ejectAgain(state: OutlierState, nowMs: number): OutlierState & { name: 'ejected' } {
    const next = recordOutcome(state, failures(5), at(nowMs));
    if (next.name !== 'ejected') throw new Error(`expected an ejection, got ${next.name}`);
    return next;
  }

  it('ends at its time and not before', () => {
    const ejected = ejectAgain(WATCHED, 0);
    expect(releaseIfDue(ejected, 999)).toBe(ejected);
    expect(releaseIfDue(ejected, 1000)).toMatchObject({ name: 'watched', streak: 0, since: 1000 });
  });

  it('ignores what comes in meanwhile', () => {
    const ejected = ejectAgain(WATCHED, 0);
    expect(recordOutcome(ejected, failures(9), at(10))).toBe(ejected);
  });

  it('lasts twice as long each time, up to the longest', () => {
    let now = 0;
    let state: OutlierState = WATCHED;
    const lengths = [1, 2, 3, 4, 5].map(() => {
      const ejected = ejectAgain(state, now);
      const length = ejected.until - now;
      now = ejected.until;
      state = releaseIfDue(ejected, now);
      return length;
    });
    expect(lengths).toEqual([1000, 2000, 4000, 5000, 5000]);
  });

  it('is forgiven by good service', () => {
    const twice = ejectAgain(releaseIfDue(ejectAgain(WATCHED, 0), 1000), 1000);
    const back = releaseIfDue(twice, 3000);
    expect(ejectAgain(back, 3000).until - 3000).toBe(4000);
    expect(ejectAgain(back, 4000).until - 4000).toBe(2000);
    expect(ejectAgain(back, 60_000).until - 60_000).toBe(1000);
  });
});

describe('a pool', () => {
  it.each([
    { total: 1, ejected: 0, usableOthers: 0, may: false },
    { total: 2, ejected: 0, usableOthers: 1, may: true },
    { total: 2, ejected: 1, usableOthers: 0, may: false },
    { total: 3, ejected: 1, usableOthers: 1, may: false },
    { total: 4, ejected: 1, usableOthers: 2, may: true },
    { total: 4, ejected: 1, usableOthers: 0, may: false },
  ])('of $total with $ejected ejected and $usableOthers others in use may eject one more: $may', ({ may, ...pool }) => {
    expect(canSpareOne(pool, config)).toBe(may);
  });

  it('may always eject one of several, however small the share', () => {
    const small = { ...config, maxEjectedPercent: 1 };
    expect(canSpareOne({ total: 5, ejected: 0, usableOthers: 4 }, small)).toBe(true);
    expect(canSpareOne({ total: 5, ejected: 1, usableOthers: 3 }, small)).toBe(false);
  });
});
