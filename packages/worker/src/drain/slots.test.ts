import { describe, expect, it } from 'vitest';
import { drainWindowMs } from './orders.js';
import { leaveSlots } from './slots.js';

describe('slots to leave', () => {
  it('are one in each part of the window, in no order', () => {
    const slots = leaveSlots(1000, 10_000, Math.random);
    const sorted = [...slots].sort((a, b) => a - b);
    for (const [index, slot] of sorted.entries()) expect(Math.floor(slot / 10)).toBe(index);
    expect(slots).not.toEqual(sorted);
  });

  it('are none for nobody', () => {
    expect(leaveSlots(0, 1000, Math.random)).toEqual([]);
  });
});

describe('the drain window', () => {
  const orders = { deadlineMs: 30_000, windowMs: undefined, closesPerSecond: 0, hasSuccessors: false };

  it.each([
    ['is short for a few', orders, 3, 0, 2000],
    ['takes 50 per second', orders, 500, 0, 10_000],
    ['ends at four fifths of the deadline', orders, 50_000, 0, 24_000],
    ['is as long as the others need', orders, 3, 7000, 7000],
    ['is what the operator says', { ...orders, windowMs: 500 }, 50_000, 7000, 500],
    ['is longer where the rate asks for it', { ...orders, closesPerSecond: 10 }, 200, 0, 20_000],
    ['never goes beyond the deadline', { ...orders, closesPerSecond: 1 }, 200, 0, 30_000],
  ])('%s', (_, given, count, pacingMs, expected) => {
    expect(drainWindowMs(given, count, pacingMs)).toBe(expected);
  });
});
