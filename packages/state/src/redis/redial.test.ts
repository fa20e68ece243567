import { expect, it } from 'vitest';
import { redialDelayMs } from './redial.js';

it('waits longer with each attempt, up to two seconds', () => {
  const slowest = [1, 2, 3, 6, 7, 100, 1e6].map((attempt) => redialDelayMs(attempt, () => 0.999_999));
  expect(slowest).toEqual([50, 100, 200, 1600, 2000, 2000, 2000]);
});

it('spreads even the longest delay over half of it', () => {
  expect(redialDelayMs(50, () => 0)).toBe(1000);
  expect(redialDelayMs(50, () => 0.5)).toBe(1500);
});
