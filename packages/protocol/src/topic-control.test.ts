/** Bodies of the frames of topics: each comes back as it was written, and each mistake is named by its field. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_SESSION_TOPICS } from './limits.js';
import { ProtocolError } from './protocol-error.js';
import { encodeHello } from './session-control.js';
import {
  encodeHeldTopics,
  encodeHistory,
  encodeLagging,
  encodePresence,
  encodePresenceChange,
  encodeSubscribe,
  encodeSubscribed,
  encodeSubscribeRefused,
  encodeUnsubscribe,
  readHeldTopics,
  readHistory,
  readLagging,
  readPresenceChange,
  readRef,
  readSubscribe,
  readSubscribed,
  readTopic,
} from './topic-control.js';
import {
  encodeTopicFailure,
  encodeTopicResult,
  readHistoryPage,
  readMemberList,
  readPublished,
  readResult,
} from './topic-result.js';

type Body = Readonly<Record<string, unknown>>;

const EPOCH = 'Zm9vYmFyYmF6';
const topic = fc.string({ unit: 'binary', maxLength: 30 });
const offset = fc.maxSafeNat();
const epoch = fc.string({ unit: fc.constantFrom(...'AZaz09_-'), minLength: 12, maxLength: 12 });
const position = fc.record({ epoch, offset });
const info = fc.option(fc.dictionary(fc.string(), fc.string()), { nil: undefined });
const member = fc.record({ id: fc.string(), info });
const optionalCount = fc.option(fc.maxSafeNat(), { nil: undefined });

/** As a client's or worker's JSON.parse has it. */
function bodyOf(frame: string, kind: string): Body {
  expect(frame[0]).toBe(kind);
  return JSON.parse(frame.slice(1)) as Body;
}

describe('frames that come back as they were', () => {
  it('subscribe', () => {
    const subscribe = fc.record({ topic, since: fc.option(position, { nil: undefined }), presence: fc.boolean() });
    fc.assert(
      fc.property(subscribe, (value) => {
        expect(readSubscribe(bodyOf(encodeSubscribe(value), 's'))).toEqual(value);
      }),
    );
  });

  it('subscribed, and refused', () => {
    const subscribed = fc.record({
      topic,
      epoch,
      offset,
      recovered: fc.boolean(),
      joined: fc.boolean(),
      members: optionalCount,
    });
    fc.assert(
      fc.property(subscribed, (value) => {
        expect(readSubscribed(bodyOf(encodeSubscribed(value), 's'))).toEqual(value);
      }),
    );
    const refused = bodyOf(encodeSubscribeRefused('room', 'forbidden'), 's');
    expect(readSubscribed(refused)).toEqual({ topic: 'room', error: 'forbidden' });
  });

  it('unsubscribe, lagging', () => {
    expect(readTopic(bodyOf(encodeUnsubscribe('room'), 'x'))).toBe('room');
    expect(readLagging(bodyOf(encodeLagging(['a', 'b']), 'l'))).toEqual(['a', 'b']);
  });

  it('history', () => {
    const limit = fc.option(fc.integer({ min: 1, max: 1000 }), { nil: undefined });
    const query = fc.record({ topic, since: optionalCount, limit, reverse: fc.boolean() });
    fc.assert(
      fc.property(offset, query, (ref, value) => {
        const body = bodyOf(encodeHistory(ref, value), 'i');
        expect(readHistory(body)).toEqual(value);
        expect(readRef(body)).toBe(ref);
      }),
    );
  });

  it('presence', () => {
    const question = bodyOf(encodePresence(7, 'room'), 'k');
    expect([readRef(question), readTopic(question)]).toEqual([7, 'room']);
    const change = fc.record({ topic, type: fc.constantFrom('join', 'leave'), member });
    fc.assert(
      fc.property(change, (value) => {
        expect(readPresenceChange(bodyOf(encodePresenceChange(value), 'k'))).toEqual(value);
      }),
    );
  });

  it('the topics of a hello', () => {
    const held = fc.record({ topic, epoch, offset, presence: fc.boolean(), joined: fc.boolean() });
    fc.assert(
      fc.property(fc.array(held, { maxLength: MAX_SESSION_TOPICS }), (value) => {
        const hello = encodeHello({ version: 1, auth: undefined, resume: undefined }, encodeHeldTopics(value));
        expect(readHeldTopics(bodyOf(hello, 'h'))).toEqual(value);
      }),
    );
    expect(readHeldTopics({ v: 1 })).toEqual([]);
    expect(encodeHeldTopics([{ topic: 'a', epoch: EPOCH, offset: 3, presence: false, joined: false }])).toEqual([
      ['a', EPOCH, 3],
    ]);
  });
});

describe('results', () => {
  it('of a publish', () => {
    const body = bodyOf(encodeTopicResult(3, { epoch: EPOCH, offset: 8 }), 'z');
    expect(readResult(body)).toMatchObject({ ref: 3, ok: true });
    expect(readPublished(body)).toEqual({ epoch: EPOCH, offset: 8 });
  });

  it('of history, text and binary', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), fc.string({ unit: 'binary' }), (bytes, text) => {
        const messages = [
          { offset: 4, data: text, atMs: 1 },
          { offset: 5, base64: Buffer.from(bytes).toString('base64'), atMs: 2 },
        ];
        const body = bodyOf(encodeTopicResult(1, { epoch: EPOCH, top: 9, messages, more: true }), 'z');
        expect(readHistoryPage(body)).toEqual({
          epoch: EPOCH,
          top: 9,
          messages: [
            { offset: 4, data: text, atMs: 1 },
            { offset: 5, data: new Uint8Array(bytes), atMs: 2 },
          ],
          more: true,
        });
      }),
    );
  });

  it('of presence', () => {
    fc.assert(
      fc.property(fc.array(member), offset, (members, total) => {
        expect(readMemberList(bodyOf(encodeTopicResult(1, { members, total }), 'z'))).toEqual({ members, total });
      }),
    );
  });

  it('that failed', () => {
    const failed = readResult(bodyOf(encodeTopicFailure(2, 'limit', true), 'z'));
    expect(failed).toEqual({ ref: 2, ok: false, error: 'limit', retryable: true });
  });
});

describe('mistakes', () => {
  it.each<[string, (body: Body) => unknown, Body]>([
    ['topic', readSubscribe, { topic: 7 }],
    ['since', readSubscribe, { topic: 'a', since: 4 }],
    ['epoch', readSubscribe, { topic: 'a', since: { epoch: 'short', offset: 1 } }],
    ['epoch', readSubscribe, { topic: 'a', since: { epoch: 'Zm9vYmFyYmF6\n', offset: 1 } }],
    ['offset', readSubscribe, { topic: 'a', since: { epoch: EPOCH, offset: -1 } }],
    ['epoch', readSubscribed, { topic: 'a', offset: 1 }],
    ['members', readSubscribed, { topic: 'a', epoch: EPOCH, offset: 1, members: 'many' }],
    ['topics', readLagging, { topics: 'a' }],
    ['topics', readLagging, { topics: [1] }],
    ['limit', readHistory, { topic: 'a', limit: 0 }],
    ['limit', readHistory, { topic: 'a', limit: 1001 }],
    ['since', readHistory, { topic: 'a', since: 1.5 }],
    ['type', readPresenceChange, { topic: 'a', type: 'came', member: { id: 'b' } }],
    ['member', readPresenceChange, { topic: 'a', type: 'join', member: 'b' }],
    ['info', readPresenceChange, { topic: 'a', type: 'join', member: { id: 'b', info: 'text' } }],
    ['subscriptions', readHeldTopics, { subscriptions: {} }],
    ['subscriptions', readHeldTopics, { subscriptions: [['a'], 'b'] }],
    ['subscriptions', readHeldTopics, { subscriptions: Array.from({ length: 101 }, () => ['a', EPOCH, 1]) }],
    ['subscriptions', readHeldTopics, { subscriptions: [[1, EPOCH, 1]] }],
    ['flags', readHeldTopics, { subscriptions: [['a', EPOCH, 1, -1]] }],
    ['messages', readHistoryPage, { epoch: EPOCH, top: 1, messages: {} }],
    ['data', readHistoryPage, { epoch: EPOCH, top: 1, messages: [{ offset: 1, atMs: 1 }] }],
    ['base64', readHistoryPage, { epoch: EPOCH, top: 1, messages: [{ offset: 1, base64: '*', atMs: 1 }] }],
    ['members', readMemberList, { total: 1 }],
  ])('of %s', (field, read, body) => {
    expect(() => read(body)).toThrow(ProtocolError);
    // Nested in a list, the innermost field is named.
    expect(() => read(body)).toThrow(new RegExp(`^(${field}|epoch): `));
  });

  it('flags of a later version are ignored', () => {
    const [held] = readHeldTopics({ subscriptions: [['a', EPOCH, 1, 4 + 1]] });
    expect(held).toMatchObject({ presence: true, joined: false });
  });
});
