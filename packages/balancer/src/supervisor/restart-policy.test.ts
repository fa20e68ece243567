import { describe, expect, it } from 'vitest';
import { afterDeath, CLEAN_RECORD, RESTART, type RestartDecision } from './restart-policy.js';

describe('the delay before a replacement', () => {
  it('grows from 100 ms to 10 s and stays below its bound', () => {
    const longest = deaths(10, 10_000, () => 1).map(({ delayMs }) => delayMs);
    expect(longest).toEqual([200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000, 10_000]);
    expect(deaths(10, 10_000, () => 0).map(({ delayMs }) => delayMs)).toEqual(Array.from({ length: 10 }, () => 100));
  });

  it('starts over for a worker that was stable', () => {
    const record = deaths(5, 1000, () => 1).at(-1)!.record;
    const decision = afterDeath(record, { now: 100_000, listenedForMs: RESTART.stableAfterMs }, () => 1);
    expect(decision).toMatchObject({ delayMs: 200, record: { deaths: [100_000], attempt: 1 } });
  });
});

describe('the budget', () => {
  it('lasts for ten deaths in a minute; the eleventh is told, later ones are not', () => {
    const decisions = deaths(13, 1000, () => 0);
    expect(decisions.map(({ wentOverBudget }) => wentOverBudget).indexOf(true)).toBe(10);
    expect(decisions.filter(({ wentOverBudget }) => wentOverBudget)).toHaveLength(1);
    expect(decisions.slice(10).map(({ delayMs }) => delayMs)).toEqual([30_000, 30_000, 30_000]);
  });

  it('does not mind deaths that are far apart', () => {
    expect(deaths(30, 7000, () => 0).some(({ wentOverBudget }) => wentOverBudget)).toBe(false);
  });

  it('stays spent until a worker was stable, however long ago the deaths were', () => {
    const spent = deaths(11, 1000, () => 0).at(-1)!.record;
    const later = afterDeath(spent, { now: 1_000_000, listenedForMs: 30_000 }, () => 0);
    expect(later).toMatchObject({ delayMs: 30_000, wentOverBudget: false });
    const stable = afterDeath(later.record, { now: 2_000_000, listenedForMs: 60_000 }, () => 0);
    expect(stable).toMatchObject({ delayMs: 100, record: { isOverBudget: false } });
  });
});

function deaths(count: number, everyMs: number, random: () => number): RestartDecision[] {
  const decisions: RestartDecision[] = [];
  for (let n = 0; n < count; n += 1) {
    const record = decisions.at(-1)?.record ?? CLEAN_RECORD;
    decisions.push(afterDeath(record, { now: n * everyMs, listenedForMs: 0 }, random));
  }
  return decisions;
}
