import { expect, it } from 'vitest';
import { PARTITION_TAGS, PARTITIONS, partitionOf } from './partitions.js';
import { slotOf, SLOTS } from './slots.js';

it('stands evenly over the slots, whatever number of nodes shares them', () => {
  const slots = PARTITION_TAGS.map((tag) => slotOf(`{${tag}}`));
  expect(new Set(PARTITION_TAGS).size).toBe(PARTITIONS);
  for (const nodes of [2, 3, 5, 8, 16]) {
    const shares = Array.from({ length: nodes }, () => 0);
    for (const slot of slots) shares[Math.floor((slot * nodes) / SLOTS)]! += 1;
    expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
  }
});

it('keeps the tags and the partitions that earlier versions had', () => {
  expect([0, 1, 64, 127].map((partition) => PARTITION_TAGS[partition])).toEqual(TAGS);
  expect(['a', 'room:1', 'room:2', 'ž🐎', '', 'x'.repeat(200)].map(partitionOf)).toEqual(NUMBERS);
});

it.each([
  ['numbered', (i: number) => `room:${i}`],
  ['numbered in the middle', (i: number) => `game/${i}/chat`],
  ['spelled out', (i: number) => `user-${(i * 7919).toString(36)}`],
])('spreads topics that are %s over all partitions', (_, nameOf) => {
  const counts = Array.from({ length: PARTITIONS }, () => 0);
  for (let i = 0; i < 1000 * PARTITIONS; i += 1) counts[partitionOf(nameOf(i))]! += 1;
  expect(Math.min(...counts)).toBeGreaterThan(800);
  expect(Math.max(...counts)).toBeLessThan(1200);
});

const TAGS = ['7g', '7c', 'mo', 'iw'];
const NUMBERS = [52, 123, 110, 28, 124, 44];
