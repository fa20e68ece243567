import { expect, it } from 'vitest';
import { HelloRate } from './hello-rate.js';

it('admits one second’s worth at once, and keeps a third of it for those who resume', () => {
  const rate = new HelloRate(30, 0);
  const admitted = (isResume: boolean, now: number): number => {
    let count = 0;
    while (rate.take(isResume, now)) count += 1;
    return count;
  };
  expect([admitted(false, 0), admitted(true, 0)]).toEqual([20, 10]);
  expect([admitted(false, 500), admitted(true, 500)]).toEqual([5, 10]);
});

it('does not go back with a clock that does', () => {
  const rate = new HelloRate(3, 1000);
  expect(rate.take(true, 0)).toBe(true);
  expect(rate.take(true, 0)).toBe(true);
});
