import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coversTopics, parseTopicMatch } from './topic-match.js';

describe('parseTopicMatch', () => {
  it.each(['a', '*', 'room:*', 'room 1', 'räume:*', 'x'.repeat(200), `${'x'.repeat(199)}*`, 'ä'.repeat(100)])(
    'takes %j',
    (text) => expect(parseTopicMatch(text)).toBe(text),
  );

  it.each([
    '',
    '**',
    'a*b',
    '*a',
    'a*b*',
    'a\nb',
    '\u007f',
    '\ud800',
    '\udc00*',
    'x'.repeat(201),
    `${'x'.repeat(200)}*`,
    'ä'.repeat(101),
  ])('refuses %j', (text) => expect(parseTopicMatch(text)).toBeUndefined());
});

describe('coversTopics', () => {
  it.each([
    ['a', 'a', true],
    ['a', 'b', false],
    ['a', 'a*', false],
    ['a*', 'a', true],
    ['a*', 'a*', true],
    ['a*', 'ab*', true],
    ['ab*', 'a*', false],
    ['*', 'a', true],
    ['*', '*', true],
  ])('%j before %j: %o', (earlier, later, expected) => {
    expect(coversTopics(earlier, later)).toBe(expected);
  });

  it('says so for no pair of patterns of which the earlier lets a name of the later through', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 3 });
    const pattern = fc.oneof(
      letters.map((text) => `${text}*`),
      letters.filter((text) => text !== ''),
    );
    fc.assert(
      fc.property(pattern, pattern, letters, (earlier, later, name) => {
        if (coversTopics(earlier, later) && matches(later, name)) expect(matches(earlier, name)).toBe(true);
      }),
    );
  });
});

function matches(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}
