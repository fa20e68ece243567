import type { TopicMessage, TopicPage } from '@holdfast/state';
import { describe, expect, it } from 'vitest';
import { LocalTopic, MAX_HELD_BYTES, MAX_HELD_MESSAGES, MAX_REPAIR, type Steps } from './local-topic.js';

const A = 'AAAAAAAAAAAA';
const B = 'BBBBBBBBBBBB';

function message(offset: number, bytes = 1): TopicMessage {
  return { offset, isBinary: false, data: new Uint8Array(bytes), publishedAtMs: 0 };
}

function page(offsets: readonly number[], offset: number, epoch = A): TopicPage {
  return { epoch, offset, first: offsets[0] ?? offset + 1, messages: offsets.map((at) => message(at)) };
}

/** `3`: delivered. `=A5`: reset there. `?2`: what follows 2 is to be read. */
function told(steps: Steps): string {
  if (steps === 'deliver') return 'deliver';
  return steps
    .map((step) => {
      if (step.do === 'deliver') return String(step.message.offset);
      return step.do === 'read' ? `?${step.since}` : `=${step.epoch[0] ?? ''}${step.offset}`;
    })
    .join(' ');
}

function whereIs({ state }: LocalTopic): string {
  return state.name === 'joining' ? 'joining' : `${state.name} ${state.epoch[0] ?? ''}${state.offset}`;
}

function liveAt(offset: number, isKept = true): LocalTopic {
  const topic = new LocalTopic(isKept);
  topic.onPosition({ epoch: A, offset }, undefined);
  return topic;
}

function repairing(offset: number, ...held: readonly number[]): LocalTopic {
  const topic = liveAt(offset);
  for (const at of held) topic.onMessage(A, message(at));
  return topic;
}

type Step = (topic: LocalTopic) => Steps;
const comes =
  (offset: number, epoch = A): Step =>
  (topic) =>
    topic.onMessage(epoch, message(offset));
const position =
  (offset: number, epoch = A, askedIn = A): Step =>
  (topic) =>
    topic.onPosition({ epoch, offset }, askedIn);
const range =
  (since: number, offsets: readonly number[], top: number, epoch = A): Step =>
  (topic) =>
    topic.onRange(since, page(offsets, top, epoch));
const lost: Step = (topic) => topic.onRangeLost();

/** What happens to a topic, what it says, and where it is then. */
type Row = readonly [when: string, topic: () => LocalTopic, step: Step, told: string, then: string];

const ROWS: readonly Row[] = [
  // joining
  ['its position is known', () => new LocalTopic(true), position(7), '', 'live A7'],
  ['a message comes first', () => new LocalTopic(true), comes(7), 'deliver', 'live A7'],
  ['a range comes to a joining one', () => new LocalTopic(true), range(0, [1], 1), '', 'joining'],
  // live
  ['the next one comes', () => liveAt(7), comes(8), 'deliver', 'live A8'],
  ['one comes again', () => liveAt(7), comes(7), '', 'live A7'],
  ['one is missing', () => liveAt(7), comes(9), '?7', 'repairing A7'],
  ['one is missing that nobody keeps', () => liveAt(7, false), comes(9), '=A8 9', 'live A9'],
  [
    'too many are missing',
    () => liveAt(7),
    comes(8 + MAX_REPAIR),
    `=A${7 + MAX_REPAIR} ${8 + MAX_REPAIR}`,
    `live A${8 + MAX_REPAIR}`,
  ],
  ['another epoch comes', () => liveAt(7), comes(9, B), '=B8 9', 'live B9'],
  ['the store is where it is', () => liveAt(7), position(7), '', 'live A7'],
  ['the store was asked before the last one came', () => liveAt(7), position(6), '', 'live A7'],
  ['the store is ahead', () => liveAt(7), position(9), '?7', 'repairing A7'],
  [
    'the store is far ahead',
    () => liveAt(7),
    position(9 + MAX_REPAIR),
    `=A${9 + MAX_REPAIR}`,
    `live A${9 + MAX_REPAIR}`,
  ],
  ['the store has another epoch', () => liveAt(7), position(3, B), '=B3', 'live B3'],
  ['the store was asked in the epoch before', () => liveAt(7), position(9, B, B), '', 'live A7'],
  // repairing
  ['what is missing is read', () => repairing(7, 9), range(7, [8, 9], 9), '8 9', 'live A9'],
  [
    'what is missing is read, and more than came',
    () => repairing(7, 9),
    range(7, [8, 9, 10], 10),
    '8 9 10',
    'live A10',
  ],
  ['what is missing comes late', () => repairing(7, 9), comes(8), '8 9', 'live A9'],
  ['one more comes meanwhile', () => repairing(7, 9), comes(10), '', 'repairing A7'],
  ['a part of it is not kept any more', () => repairing(7, 11), range(7, [10, 11], 11), '=A9 10 11', 'live A11'],
  ['nothing of it is kept', () => repairing(7, 9), range(7, [], 9), '=A8 9', 'live A9'],
  ['the page ends early', () => repairing(7, 12), range(7, [8, 9], 12), '8 9 ?9', 'repairing A9'],
  ['another gap is behind it', () => repairing(7, 9, 12), range(7, [8, 9], 9), '8 9 ?9', 'repairing A9'],
  ['the range is of another epoch', () => repairing(7, 9), range(7, [1, 2], 2, B), '=B2', 'live B2'],
  ['the answer is to an older question', () => repairing(7, 9), range(5, [6, 7, 8, 9], 9), '', 'repairing A7'],
  ['another epoch comes to a repairing one', () => repairing(7, 9), comes(10, B), '=B9 10', 'live B10'],
  ['it cannot be read', () => repairing(7, 9, 11), lost, '=A8 9 =A10 11', 'live A11'],
  ['a position comes to a repairing one', () => repairing(7, 9), position(3, B), '', 'repairing A7'],
];

describe('a topic of a worker', () => {
  it.each(ROWS)('when %s', (_when, topic, step, expected, then) => {
    const local = topic();
    expect(told(step(local))).toBe(expected);
    expect(whereIs(local)).toBe(then);
  });

  it('repairs what the store is ahead by, and goes on with what comes meanwhile', () => {
    const topic = liveAt(7);
    expect(told(topic.onPosition({ epoch: A, offset: 9 }, A))).toBe('?7');
    expect(told(topic.onMessage(A, message(8)))).toBe('8');
    expect(told(topic.onMessage(A, message(10)))).toBe('');
    expect(told(topic.onRange(7, page([8, 9], 9)))).toBe('9 10');
    expect(whereIs(topic)).toBe('live A10');
  });

  it('resets to the store when what it is ahead by cannot be read', () => {
    const topic = liveAt(7);
    topic.onPosition({ epoch: A, offset: 9 }, A);
    expect(told(topic.onRangeLost())).toBe('=A9');
  });

  it('waits for what nobody keeps until the store is asked a second time', () => {
    const topic = liveAt(7, false);
    expect(told(topic.onPosition({ epoch: A, offset: 9 }, A))).toBe('');
    expect(told(topic.onMessage(A, message(8)))).toBe('deliver');
    expect(told(topic.onPosition({ epoch: A, offset: 9 }, A))).toBe('=A9');
    expect(whereIs(topic)).toBe('live A9');
  });

  it('forgets the suspicion when the messages came', () => {
    const topic = liveAt(7, false);
    topic.onPosition({ epoch: A, offset: 8 }, A);
    topic.onMessage(A, message(8));
    expect(told(topic.onPosition({ epoch: A, offset: 9 }, A))).toBe('');
    expect(whereIs(topic)).toBe('live A8');
  });

  it.each([
    ['messages', MAX_HELD_MESSAGES + 1, 1],
    ['bytes', 3, MAX_HELD_BYTES / 2],
  ])('gives a gap up when too many %s wait behind it', (_what, count, bytes) => {
    const topic = liveAt(7);
    let steps: Steps = [];
    for (let i = 0; i < count; i += 1) steps = topic.onMessage(A, message(9 + i, bytes));
    const all = Array.from({ length: count }, (_, i) => String(9 + i));
    expect(told(steps)).toBe(['=A8', ...all].join(' '));
    expect(told(topic.onMessage(A, message(9 + count)))).toBe('deliver');
  });
});
