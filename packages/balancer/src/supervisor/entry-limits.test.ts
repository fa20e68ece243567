import { describe, expect, it } from 'vitest';
import { enter, NONE_REFUSED, type Want } from './entry-limits.js';
import { RateTable } from './rates.js';
import { SlotTable } from './slots.js';

const RATE: Want = { kind: 'rate', scope: 'address:web', key: '192.0.2.1', limit: 2 };
const SLOT: Want = { kind: 'slot', scope: 'address:web', key: '192.0.2.1', limit: 1 };

function tables(maxKeys?: number): { slots: SlotTable; rates: RateTable } {
  return { slots: new SlotTable(), rates: new RateTable(maxKeys === undefined ? {} : { maxKeys }) };
}

describe('entering', () => {
  it('takes all or nothing: who is refused for a slot has used up no rate', () => {
    const here = tables();
    expect(enter(here, 1, [RATE, SLOT], 0)).toBe(NONE_REFUSED);
    for (let n = 0; n < 5; n += 1) expect(enter(here, 2, [RATE, SLOT], 0)).toBe(1);
    expect(enter(here, 1, [RATE], 0)).toBe(NONE_REFUSED);
    expect(enter(here, 1, [RATE], 0)).toBe(0);
  });

  it('holds a rate over all workers, and lets in what time has earned', () => {
    const here = tables();
    expect([1, 2, 3].map((worker) => enter(here, worker, [RATE], 0))).toEqual([NONE_REFUSED, NONE_REFUSED, 0]);
    expect([enter(here, 3, [RATE], 499), enter(here, 3, [RATE], 500)]).toEqual([0, NONE_REFUSED]);
  });

  it('earns one second of burst at most', () => {
    const here = tables();
    enter(here, 1, [RATE], 0);
    expect([1, 2, 3].map(() => enter(here, 1, [RATE], 900_000))).toEqual([NONE_REFUSED, NONE_REFUSED, 0]);
  });

  it('holds a limit that a reload has lowered at once', () => {
    const here = tables();
    enter(here, 1, [{ ...RATE, limit: 100 }], 0);
    expect([1, 2].map(() => enter(here, 1, [{ ...RATE, limit: 1 }], 0))).toEqual([NONE_REFUSED, 0]);
  });

  it('forgets buckets that are full again, and beyond its bound the longest unused', () => {
    const here = tables(3);
    const by = (key: string, nowMs: number): number => enter(here, 1, [{ ...RATE, key, limit: 1 }], nowMs);
    for (const key of ['a', 'b', 'c', 'd', 'e']) by(key, 0);
    expect(here.rates.size).toBe(3);
    expect([by('e', 1), by('a', 1)]).toEqual([0, NONE_REFUSED]);
    by('z', 5000);
    expect(here.rates.size).toBe(1);
  });
});
