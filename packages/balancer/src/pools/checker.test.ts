import type { HealthConfig } from '@holdfast/worker';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Checker, type CheckJob } from './checker.js';
import type { CheckResult } from './checks/check.js';

const passed: CheckResult = { ok: true, rttMs: 1 };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function jobs(count: number, change: Partial<HealthConfig> = {}): CheckJob[] {
  const expect = { min: 200, max: 399 };
  const config = {
    type: 'tcp',
    path: '/',
    expect,
    intervalMs: 2000,
    timeoutMs: 500,
    fall: 3,
    rise: 2,
    ...change,
  } as const;
  return Array.from({ length: count }, (_, index) => ({
    key: `job-${index}`,
    target: { url: `http://127.0.0.1:${index + 1}`, serverName: undefined },
    config,
  }));
}

/** Each check takes `tookMs`, unless it is aborted before. */
function recording(tookMs = 0) {
  const started: { url: string; at: number }[] = [];
  const running = new Map<string, number>();
  let most = 0;
  const run = async (target: { url: string }, _config: HealthConfig, signal: AbortSignal): Promise<CheckResult> => {
    started.push({ url: target.url, at: performance.now() });
    running.set(target.url, (running.get(target.url) ?? 0) + 1);
    most = Math.max(most, ...running.values());
    const result = await new Promise<CheckResult>((resolve) => {
      setTimeout(() => resolve(passed), tookMs);
      signal.addEventListener('abort', () => resolve({ ok: false, error: String(signal.reason) }));
    });
    running.set(target.url, (running.get(target.url) ?? 0) - 1);
    return result;
  };
  return { started, run, mostAtOnce: () => most };
}

describe('checker', () => {
  it('spreads the checks of many backends over the interval, from the first round on', async () => {
    const { started, run } = recording();
    const checker = new Checker({ random: () => 0.5, run, onResult: () => undefined });
    const startedAt = performance.now();
    checker.setJobs(jobs(100));
    await vi.advanceTimersByTimeAsync(6000);
    checker.stop();
    const perSlot = new Map<number, number>();
    for (const { at } of started) {
      const slot = Math.floor((at - startedAt) / 200);
      perSlot.set(slot, (perSlot.get(slot) ?? 0) + 1);
    }
    expect(perSlot.size).toBe(30);
    for (const count of perSlot.values()) expect(Math.abs(count - 10)).toBeLessThanOrEqual(1);
  });

  it('checks the few for the first time soon', async () => {
    const { started, run } = recording();
    const checker = new Checker({ random: () => 0.99, run, onResult: () => undefined });
    checker.setJobs(jobs(2, { intervalMs: 60_000 }));
    await vi.advanceTimersByTimeAsync(1000);
    checker.stop();
    expect(started).toHaveLength(2);
  });

  it.each([
    { random: 0, periodMs: 1800 },
    { random: 0.999_999, periodMs: 2200 },
  ])('repeats a check every $periodMs of 2000 ms at a draw of $random', async ({ random, periodMs }) => {
    const { started, run } = recording();
    const checker = new Checker({ random: () => random, run, onResult: () => undefined });
    checker.setJobs(jobs(1));
    await vi.advanceTimersByTimeAsync(10_000);
    checker.stop();
    expect(started[2]!.at - started[1]!.at).toBeGreaterThanOrEqual(periodMs - 2);
    expect(started[2]!.at - started[1]!.at).toBeLessThanOrEqual(periodMs + 2);
  });

  it('never runs two checks of one backend at once', async () => {
    const { run, started, mostAtOnce } = recording(5000);
    const checker = new Checker({ random: () => 0.5, run, onResult: () => undefined });
    checker.setJobs(jobs(1, { timeoutMs: 60_000 }));
    await vi.advanceTimersByTimeAsync(30_000);
    checker.stop();
    expect(started.length).toBeGreaterThan(3);
    expect(mostAtOnce()).toBe(1);
  });

  it('enforces the timeout', async () => {
    const onResult = vi.fn();
    const checker = new Checker({ random: () => 0, run: recording(10_000).run, onResult });
    checker.setJobs(jobs(1));
    await vi.advanceTimersByTimeAsync(501);
    checker.stop();
    expect(onResult).toHaveBeenCalledWith('job-0', { ok: false, error: expect.stringContaining('within 500 ms') });
  });

  it('keeps the rhythm of jobs that stay and gives up the others', async () => {
    const { run, started } = recording();
    const onResult = vi.fn();
    const checker = new Checker({ random: () => 0.5, run, onResult });
    checker.setJobs(jobs(2));
    await vi.advanceTimersByTimeAsync(1100);
    const first = started.map(({ url }) => url);
    checker.setJobs(jobs(1));
    await vi.advanceTimersByTimeAsync(1000);
    expect(started).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(900);
    expect(started.slice(2).map(({ url }) => url)).toEqual([first[0]]);
    checker.stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('says nothing of a check that was given up while it ran', async () => {
    const onResult = vi.fn();
    const checker = new Checker({ random: () => 0, run: recording(100).run, onResult });
    checker.setJobs(jobs(1));
    await vi.advanceTimersByTimeAsync(10);
    checker.stop();
    await vi.advanceTimersByTimeAsync(1000);
    expect(onResult).not.toHaveBeenCalled();
  });
});
