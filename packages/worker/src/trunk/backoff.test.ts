import { expect, it } from 'vitest';
import { Backoff } from './backoff.js';

it('dials at once, then after 100 ms, doubling up to 2 s, between half and the whole of it', () => {
  const longest = new Backoff(() => 1);
  const shortest = new Backoff(() => 0);
  const delays = [0, 0, 0, 0, 0, 0, 0, 0].map(() => [shortest.next(0), longest.next(0)]);
  expect(delays).toEqual([
    [0, 0],
    [50, 100],
    [100, 200],
    [200, 400],
    [400, 800],
    [800, 1600],
    [1000, 2000],
    [1000, 2000],
  ]);
});

it('begins again after a trunk that stood, not after one that only greeted', () => {
  const backoff = new Backoff(() => 1);
  backoff.next(0);
  expect([backoff.next(50), backoff.next(999), backoff.next(1000), backoff.next(0)]).toEqual([100, 200, 0, 100]);
});
