import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EmbeddedAffinity } from './affinity-store.js';

const at = (key: string) => ({ pool: 'p', key });

describe('EmbeddedAffinity', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('hides an entry at the moment that its time is over', () => {
    using store = disposable(new EmbeddedAffinity(100_000));
    store.value.claim(at('k'), 'b1', 100);
    vi.advanceTimersByTime(99);
    expect(store.value.lookup(at('k'))).toBe('b1');
    vi.advanceTimersByTime(1);
    expect(store.value.lookup(at('k'))).toBeUndefined();
  });

  it('gives the memory of expired entries back without being asked for them', () => {
    using store = disposable(new EmbeddedAffinity(100_000));
    for (let i = 0; i < 5000; i += 1) store.value.claim(at(`k${i}`), 'b1', 100);
    store.value.claim(at('stays'), 'b1', 1_000_000);
    vi.advanceTimersByTime(20_000);
    expect(store.value).toMatchObject({ entries: 1, evicted: 0 });
  });

  it('goes on sweeping what is claimed after a pass', () => {
    using store = disposable(new EmbeddedAffinity(100_000));
    for (let round = 0; round < 3; round += 1) {
      for (let i = 0; i < 2500; i += 1) store.value.claim(at(`r${round}-${i}`), 'b1', 100);
      vi.advanceTimersByTime(10_000);
      expect(store.value.entries).toBe(0);
    }
  });

  it('throws out the least recently claimed entry when it is full, and counts it', () => {
    using store = disposable(new EmbeddedAffinity(3));
    for (const key of ['a', 'b', 'c']) store.value.claim(at(key), 'b1', 1000);
    store.value.claim(at('a'), 'ignored', 1000);
    store.value.claim(at('d'), 'b1', 1000);
    expect(['a', 'b', 'c', 'd'].filter((key) => store.value.lookup(at(key)) !== undefined)).toEqual(['a', 'c', 'd']);
    expect(store.value).toMatchObject({ entries: 3, evicted: 1 });
  });

  it('does not count an expired entry as thrown out', () => {
    using store = disposable(new EmbeddedAffinity(1));
    store.value.claim(at('a'), 'b1', 10);
    vi.advanceTimersByTime(20);
    store.value.claim(at('b'), 'b1', 1000);
    expect(store.value).toMatchObject({ entries: 1, evicted: 0 });
  });

  it('throws nothing out when an entry of a full store is claimed or replaced again', () => {
    using store = disposable(new EmbeddedAffinity(2));
    store.value.claim(at('a'), 'b1', 1000);
    store.value.claim(at('b'), 'b1', 1000);
    store.value.claim(at('a'), 'b1', 1000);
    store.value.replace(at('b'), 'b1', 'b2', 1000);
    expect(store.value).toMatchObject({ entries: 2, evicted: 0 });
  });
});

function disposable(value: EmbeddedAffinity): Disposable & { value: EmbeddedAffinity } {
  return { value, [Symbol.dispose]: () => value.close() };
}
