import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { OverloadConfig } from '../config-capacity.js';
import type { OverloadLevel } from './level.js';
import { Overload } from './overload.js';

describe('Overload', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function overloadOf(config: OverloadConfig) {
    const now = { rssBytes: 0, lagMs: 0, levels: [] as OverloadLevel[], sheds: 0, logged: [] as string[] };
    const log = {
      warn: (_: object, text: string) => now.logged.push(text),
      info: (_: object, text: string) => now.logged.push(text),
    };
    const overload = new Overload({
      config: () => config,
      rssBytes: () => now.rssBytes,
      lagMs: () => now.lagMs,
      workers: () => 2,
      onLevel: (level) => now.levels.push(level),
      shed: () => (now.sheds += 1),
      log,
    });
    return { now, overload };
  }

  it('tells each change of level once, and sheds each second that is as bad as the last of them', async () => {
    const { now, overload } = overloadOf({ memoryBytes: 1000, eventLoopLagMs: 0 });
    now.rssBytes = 960;
    await vi.advanceTimersByTimeAsync(3000);
    expect([now.levels, now.sheds, now.logged]).toEqual([[3], 3, ['under pressure']]);
    now.rssBytes = 940;
    await vi.advanceTimersByTimeAsync(2000);
    expect([overload.level, now.sheds]).toEqual([3, 3]);
    now.rssBytes = 100;
    await vi.advanceTimersByTimeAsync(20_000);
    expect([now.levels, overload.level]).toEqual([[3, 2, 1, 0], 0]);
    overload.stop();
  });

  it('looks at the lag only where one is set', async () => {
    const off = overloadOf({ memoryBytes: 1000, eventLoopLagMs: 0 });
    const on = overloadOf({ memoryBytes: 1000, eventLoopLagMs: 100 });
    off.now.lagMs = on.now.lagMs = 150;
    await vi.advanceTimersByTimeAsync(5000);
    expect([off.now.levels, on.now.levels]).toEqual([[], [1]]);
  });
});
