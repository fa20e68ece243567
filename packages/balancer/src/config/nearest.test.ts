import { describe, expect, it } from 'vitest';
import { editDistance, nearest } from './nearest.js';

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['abc', 'abc', 0],
    ['abc', '', 3],
    ['host', 'hots', 1],
    ['pool', 'pol', 1],
    ['pool', 'pools', 1],
    ['kitten', 'sitting', 3],
  ])('of %j and %j is %i', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
    expect(editDistance(b, a)).toBe(distance);
  });
});

describe('nearest', () => {
  it('finds the word that was meant', () => {
    expect(nearest('bakends', ['kind', 'backends', 'balance'])).toBe('backends');
  });
  it('does not mind the case', () => {
    expect(nearest('SLOWSTART', ['slowStart', 'sticky'])).toBe('slowStart');
  });
  it('suggests nothing for a word that is far from all', () => {
    expect(nearest('frobnicate', ['kind', 'health'])).toBeUndefined();
  });
  it('stays quick for long words', () => {
    expect(nearest('x'.repeat(100_000), ['kind'])).toBeUndefined();
  });
});
