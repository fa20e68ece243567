import { expect, it } from 'vitest';
import { judgeSilence } from './keep-alive.js';
import { MessageRate } from './rate.js';

it.each([
  ['heard just now', 1000, 1000, 0, 'fine'],
  ['heard within half the limit', 5900, 1000, 0, 'fine'],
  ['silent for half the limit', 6000, 1000, 0, 'ping'],
  ['asked already', 7000, 1000, 6000, 'fine'],
  ['answered, and silent again', 13_000, 7500, 6000, 'ping'],
  ['answered within the same tick, and silent again', 11_000, 6000, 6000, 'ping'],
  ['silent for the limit', 11_000, 1000, 6000, 'stale'],
] as const)('judges a peer %s', (_name, now, heardAt, pingedAt, silence) => {
  expect(judgeSilence(now, heardAt, pingedAt, 10_000)).toBe(silence);
});

it('lets a second of burst pass, then the rate', () => {
  const rate = new MessageRate(10, 0);
  const taken = (now: number, tries: number): number =>
    Array.from({ length: tries }, () => rate.take(now)).filter(Boolean).length;
  expect([taken(0, 20), taken(100, 20), taken(1100, 20), taken(60_000, 20)]).toEqual([10, 1, 10, 10]);
});
