import { describe, expect, it } from 'vitest';
import { mistakesIn } from './testing/files.js';

const LINES = [
  'listen: [ { address: 127.0.0.1:8080 } ]',
  'secret: 0123456789abcdef',
  'routes:',
  '  - pool: chat',
  'pools:',
  '  chat: { kind: session, backends: [ http://a ] }',
];

const DURATION = 'a duration with its unit (250ms, 30s, 5m, 1h, 1d)';
const MATCH =
  'a topic such as lobby, or a prefix with * as its last character such as room:*, at most 200 bytes long and without control characters';

const CASES: readonly (readonly [name: string, topics: string, mistakes: readonly string[]])[] = [
  [
    'a pattern with its * in the middle',
    'topics: [ { match: "room:*:chat" } ]',
    [`7:20: topics[0].match: expected ${MATCH}, got "room:*:chat"`],
  ],
  ['a rule for no topic', 'topics:\n  - presence: true', [`8:5: topics[0].match: expected ${MATCH}, got nothing`]],
  [
    'rules by name instead of a list',
    'topics: { "room:*": { presence: true } }',
    ['7:9: topics: expected a list of rules for topics, got a map with room:*'],
  ],
  [
    'more history than is kept',
    'topics: [ { match: a, history: { messages: 0, age: 2d } }, { match: b, history: { messages: 10001 } } ]',
    [
      '7:44: topics[0].history.messages: expected a whole number from 1 to 10000, got 0',
      `7:52: topics[0].history.age: expected ${DURATION} from 1s to 1d, got "2d"`,
      '7:93: topics[1].history.messages: expected a whole number from 1 to 10000, got 10001',
    ],
  ],
  [
    'an age without its unit',
    'topics: [ { match: a, history: { age: 300 } } ]',
    [`7:39: topics[0].history.age: expected ${DURATION} from 1s to 1d, got 300`],
  ],
  [
    'a history that is only switched on',
    'topics: [ { match: a, history: true } ]',
    ['7:32: topics[0].history: expected a map of settings, or false for off, got true'],
  ],
  [
    'too large a message',
    'topics: [ { match: a, messageBytes: 2MiB } ]',
    ['7:37: topics[0].messageBytes: expected a size (65536, 64KiB, 1MiB) from 1B to 1MiB, got "2MiB"'],
  ],
  [
    'a misspelt key of a rule',
    'topics: [ { match: a, presense: true } ]',
    [
      '7:23: topics[0].presense: expected one of match, history, presence, publishesPerSecond, messageBytes, got "presense" (did you mean "presence"?)',
    ],
  ],
];

describe('mistakes in rules for topics', () => {
  it('has none in what the cases start from', async () => {
    expect(await mistakesIn(LINES.join('\n'))).toEqual([]);
  });

  it.each(CASES)('tells %s', async (_, topics, mistakes) => {
    expect(await mistakesIn([...LINES, topics].join('\n'))).toEqual(mistakes);
  });
});
