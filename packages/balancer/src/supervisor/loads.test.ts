import type { BackendLoads } from '@holdfast/worker';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LoadExchange } from './loads.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('LoadExchange', () => {
  it('tells each worker what the others have in flight', () => {
    const { exchange, told } = stage([1, 2, 3]);
    exchange.report(1, { web: { a: 1, b: 2 } });
    exchange.report(2, { web: { a: 10 }, chat: { c: 5 } });
    vi.advanceTimersByTime(100);
    expect(told.get(1)).toEqual([{ chat: { c: 5 }, web: { a: 10 } }]);
    expect(told.get(2)).toEqual([{ web: { a: 1, b: 2 } }]);
    expect(told.get(3)).toEqual([{ chat: { c: 5 }, web: { a: 11, b: 2 } }]);
  });

  it('tells at most every 100 ms, and only what changed for that worker', () => {
    const { exchange, told } = stage([1, 2]);
    for (let n = 1; n <= 50; n += 1) exchange.report(1, { web: { a: n } });
    vi.advanceTimersByTime(99);
    expect(told.size).toBe(0);
    vi.advanceTimersByTime(1000);
    expect(told.get(1)).toBeUndefined();
    expect(told.get(2)).toEqual([{ web: { a: 50 } }]);
  });

  it('says so when what was in flight has ended', () => {
    const { exchange, told } = stage([1, 2]);
    exchange.report(1, { web: { a: 1 } });
    vi.advanceTimersByTime(100);
    exchange.report(1, {});
    vi.advanceTimersByTime(100);
    expect(told.get(2)).toEqual([{ web: { a: 1 } }, {}]);
  });

  it('forgets the counts of a worker that is gone', () => {
    const { exchange, told } = stage([1, 2]);
    exchange.report(1, { web: { a: 4 } });
    vi.advanceTimersByTime(100);
    exchange.forget(1);
    vi.advanceTimersByTime(100);
    expect(told.get(2)).toEqual([{ web: { a: 4 } }, {}]);
    expect([exchange.totalOf(1), exchange.at('web', 'a')]).toEqual([0, 0]);
  });

  it('tells a worker that joins what was told before it came', () => {
    const { exchange, told, ids } = stage([1]);
    exchange.report(1, { web: { a: 4 } });
    vi.advanceTimersByTime(100);
    ids.push(2);
    exchange.join(2);
    vi.advanceTimersByTime(100);
    expect(told.get(2)).toEqual([{ web: { a: 4 } }]);
  });

  it('tells later what could not be told', () => {
    const refusing = new Set([2]);
    const { exchange, told } = stage([1, 2], refusing);
    exchange.report(1, { web: { a: 4 } });
    vi.advanceTimersByTime(200);
    expect(told.get(2)).toBeUndefined();
    refusing.clear();
    vi.advanceTimersByTime(100);
    expect(told.get(2)).toEqual([{ web: { a: 4 } }]);
  });
});

function stage(
  ids: number[],
  refusing: ReadonlySet<number> = new Set(),
): { exchange: LoadExchange; told: Map<number, BackendLoads[]>; ids: number[] } {
  const told = new Map<number, BackendLoads[]>();
  const sendLoads = (id: number, loads: BackendLoads): boolean => {
    if (refusing.has(id)) return false;
    told.set(id, [...(told.get(id) ?? []), loads]);
    return true;
  };
  const exchange = new LoadExchange(() => ids.map((id) => ({ id, sendLoads: (loads) => sendLoads(id, loads) })));
  return { exchange, told, ids };
}
