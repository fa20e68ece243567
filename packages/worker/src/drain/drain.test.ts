import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { drainConnections, type DrainOptions } from './drain.js';
import type { Closable } from './even-closing.js';

class FakeConnection implements Closable {
  code: number | undefined;
  closedAt: number | undefined;
  readonly #crowd: Set<FakeConnection>;
  readonly #answersAfterMs: number;

  constructor(crowd: Set<FakeConnection>, answersAfterMs: number) {
    this.#crowd = crowd.add(this);
    this.#answersAfterMs = answersAfterMs;
  }

  get isOver(): boolean {
    return this.code !== undefined;
  }

  close(code: number): void {
    if (this.isOver) return;
    this.code = code;
    this.closedAt = performance.now();
    setTimeout(() => this.#crowd.delete(this), this.#answersAfterMs);
  }
}

function crowdOf(count: number, answersAfterMs = 10): { crowd: Set<FakeConnection>; all: readonly FakeConnection[] } {
  const crowd = new Set<FakeConnection>();
  const all = Array.from({ length: count }, () => new FakeConnection(crowd, answersAfterMs));
  return { crowd, all };
}

function options(crowd: Set<FakeConnection>, changes: Partial<DrainOptions> = {}): DrainOptions {
  const connections = (): readonly Closable[] => [...crowd];
  return { deadlineMs: 5000, windowMs: 2000, closesPerSecond: 0, connections, pending: () => 0, ...changes };
}

describe('a worker that stops', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('closes every connection with 1001, evenly over the window, and waits for requests', async () => {
    const { crowd, all } = crowdOf(100);
    let requests = 1;
    setTimeout(() => (requests = 0), 3000);
    const startedAt = performance.now();
    const report = drainConnections(options(crowd, { pending: () => requests }));
    await vi.advanceTimersByTimeAsync(4000);
    expect(await report).toEqual({ closed: 101, cut: 0 });
    expect(new Set(all.map(({ code }) => code))).toEqual(new Set([1001]));
    const times = all.map(({ closedAt = 0 }) => closedAt - startedAt);
    for (let from = 0; from < 2000; from += 100) {
      expect(times.filter((at) => at >= from && at < from + 100).length).toBeLessThanOrEqual(7);
    }
    expect(Math.max(...times)).toBeGreaterThan(1800);
    expect(Math.max(...times)).toBeLessThan(2100);
  });

  it('closes a connection whose handshake ends meanwhile', async () => {
    const { crowd } = crowdOf(0);
    let pending = 1;
    let late: FakeConnection | undefined;
    setTimeout(() => {
      pending = 0;
      late = new FakeConnection(crowd, 10);
    }, 700);
    const report = drainConnections(options(crowd, { pending: () => pending }));
    await vi.advanceTimersByTimeAsync(4000);
    expect([await report, late?.code]).toEqual([{ closed: 1, cut: 0 }, 1001]);
  });

  it('waits a moment for requests of connections that it has just accepted', async () => {
    const { crowd } = crowdOf(0);
    let isDone = false;
    void drainConnections(options(crowd)).then(() => (isDone = true));
    await vi.advanceTimersByTimeAsync(400);
    expect(isDone).toBe(false);
    await vi.advanceTimersByTimeAsync(200);
    expect(isDone).toBe(true);
  });

  it('closes those that are left at the deadline, and says how many it cut', async () => {
    const { crowd, all } = crowdOf(10, 1_000_000);
    const report = drainConnections(options(crowd, { deadlineMs: 1000, closesPerSecond: 1, pending: () => 2 }));
    await vi.advanceTimersByTimeAsync(650);
    expect(all.filter(({ isOver }) => isOver).length).toBeLessThanOrEqual(2);
    await vi.advanceTimersByTimeAsync(450);
    expect(all.every(({ code }) => code === 1001)).toBe(true);
    expect(await report).toEqual({ closed: 0, cut: 12 });
  });
});
