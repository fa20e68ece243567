/** Names and patterns of topics: what is one, and what a pattern matches. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_TOPIC_BYTES } from './limits.js';
import { isTopicName, isTopicPattern, matchesTopic } from './topic-name.js';

describe('a name', () => {
  it.each([
    'a',
    'room:1',
    ' ',
    '*',
    'ü',
    '世界',
    '🌍',
    '\u0080',
    '\ufeff',
    'x'.repeat(200),
    'é'.repeat(100),
    '🌍'.repeat(50),
  ])('is %j', (name) => expect(isTopicName(name)).toBe(true));

  it.each([
    ['', 'nothing'],
    ['x'.repeat(201), '201 bytes'],
    ['é'.repeat(101), '202 bytes'],
    ['🌍'.repeat(51), '204 bytes'],
    ['世'.repeat(67), '201 bytes'],
    ['a\u0000', 'a NUL'],
    ['a\nb', 'a line feed'],
    ['a\u001f', 'a control character'],
    ['a\u007f', 'a delete'],
    ['a\ud83c', 'half a pair at the end'],
    ['\ud83cx', 'a high half alone'],
    ['\udf0da', 'a low half alone'],
  ])('is not %j: %s', (name) => expect(isTopicName(name)).toBe(false));

  it.each([undefined, null, 1, {}, ['a']])('is not %j', (value) => expect(isTopicName(value)).toBe(false));

  it('is exactly what survives UTF-8 within its bounds', () => {
    const units = fc.array(fc.oneof(fc.nat(0xffff), fc.integer({ min: 0x20, max: 0x7f })), { maxLength: 210 });
    fc.assert(
      fc.property(units, (codes) => {
        const name = codes.map((code) => String.fromCharCode(code)).join('');
        const bytes = Buffer.from(name);
        const isControl = codes.some((code) => code < 0x20 || code === 0x7f);
        const isWhole = bytes.toString() === name;
        const isBounded = bytes.length > 0 && bytes.length <= MAX_TOPIC_BYTES;
        expect(isTopicName(name)).toBe(isBounded && isWhole && !isControl);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a pattern', () => {
  it.each(['a', '*', 'room:*', 'x'.repeat(199) + '*'])('is %j', (pattern) =>
    expect(isTopicPattern(pattern)).toBe(true),
  );

  it.each(['', '**', 'a*b', '*a', 'x'.repeat(200) + '*', 'a\n*', 7])('is not %j', (pattern) =>
    expect(isTopicPattern(pattern)).toBe(false),
  );

  it.each([
    ['room:1', 'room:1', true],
    ['room:1', 'room:12', false],
    ['room:*', 'room:1', true],
    ['room:*', 'room:', true],
    ['room:*', 'room', false],
    ['room:*', 'lobby', false],
    ['*', 'anything', true],
    ['*', '*', true],
    ['room:*', 'room:*', true],
    ['room:', 'room:*', false],
    ['Room:*', 'room:1', false],
  ])('%j, %j: %j', (pattern, topic, isMatch) => expect(matchesTopic(pattern, topic)).toBe(isMatch));
});
