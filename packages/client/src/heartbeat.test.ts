/** Is a connection alive? With timers that come on time, late, and after the clock was set. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Heartbeat } from './heartbeat.js';

const QUIET_MS = 10_000;

function watch(): { readonly heartbeat: Heartbeat; readonly seen: string[] } {
  const seen: string[] = [];
  const connection = { send: () => seen.push('ping'), end: () => seen.push('stale') };
  const heartbeat = new Heartbeat(connection, QUIET_MS, 2000);
  return { heartbeat, seen };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** As after sleep: the clock went on, timers did not. */
function sleep(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

describe('heartbeat', () => {
  it('takes a connection for dead that was silent for the whole time', () => {
    const { seen } = watch();
    vi.advanceTimersByTime(QUIET_MS - 1);
    expect(seen).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(seen).toEqual(['stale']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('counts from the last word, with one timer', () => {
    const { heartbeat, seen } = watch();
    for (let i = 0; i < 5; i += 1) {
      vi.advanceTimersByTime(QUIET_MS - 1);
      heartbeat.heard();
      expect(vi.getTimerCount()).toBe(1);
    }
    expect(seen).toEqual([]);
    vi.advanceTimersByTime(QUIET_MS);
    expect(seen).toEqual(['stale']);
  });

  it('asks before it gives up when its timer comes late', () => {
    const { heartbeat, seen } = watch();
    sleep(60_000);
    vi.advanceTimersByTime(QUIET_MS);
    expect(seen).toEqual(['ping']);
    vi.advanceTimersByTime(1999);
    heartbeat.heard();
    vi.advanceTimersByTime(1);
    expect(seen).toEqual(['ping']);
    vi.advanceTimersByTime(QUIET_MS);
    expect(seen).toEqual(['ping', 'stale']);
  });

  it('gives up when nobody answers', () => {
    const { seen } = watch();
    sleep(60_000);
    vi.advanceTimersByTime(QUIET_MS + 2000);
    expect(seen).toEqual(['ping', 'stale']);
  });

  it('asks when the clock was set back', () => {
    const { seen } = watch();
    sleep(-3_600_000);
    vi.advanceTimersByTime(QUIET_MS);
    expect(seen).toEqual(['ping']);
  });

  it('does not take a word from before the question for an answer', () => {
    const { heartbeat, seen } = watch();
    heartbeat.heard();
    heartbeat.probe();
    vi.advanceTimersByTime(2000);
    expect(seen).toEqual(['ping', 'stale']);
  });

  it('gives a second question its own time', () => {
    const { heartbeat, seen } = watch();
    heartbeat.probe();
    vi.advanceTimersByTime(1500);
    heartbeat.probe();
    vi.advanceTimersByTime(1500);
    heartbeat.heard();
    vi.advanceTimersByTime(1500);
    expect(seen).toEqual(['ping', 'ping']);
  });

  it('says nothing once it is stopped', () => {
    const { heartbeat, seen } = watch();
    heartbeat.probe();
    heartbeat.stop();
    vi.advanceTimersByTime(100_000);
    expect(seen).toEqual(['ping']);
  });
});
