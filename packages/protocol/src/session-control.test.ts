/** Bodies of control frames: round trips through text, what is checked in each field, what is ignored. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isWireCloseCode } from './close-code.js';
import { MAX_DURATION_MS } from './limits.js';
import { ProtocolError } from './protocol-error.js';
import {
  encodeAuth,
  encodeClose,
  encodeGoAway,
  encodeHello,
  encodePing,
  encodeRehomed,
  encodeResync,
  encodeToken,
  encodeWelcome,
  PONG,
  readAuth,
  readClose,
  readCounters,
  readGoAway,
  readHello,
  readPing,
  readRehomed,
  readToken,
  readWelcome,
} from './session-control.js';
import { decodeControl } from './session-frame.js';

const count = fc.maxSafeNat();
const duration = fc.nat(MAX_DURATION_MS);
const text = fc.string({ unit: 'binary', maxLength: 40 });
const orAbsent = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });
const lost = orAbsent(fc.record({ from: count, to: fc.option(count) }));
const counters = fc
  .record({ received: count, sent: fc.nat({ max: Number.MAX_SAFE_INTEGER - 1 }), kept: fc.nat(1000) })
  .map(({ received, sent, kept }) => ({ received, lowest: Math.max(1, sent + 1 - kept), sent }));
const closeCode = fc.integer({ min: 1000, max: 4999 }).filter(isWireCloseCode);

interface Codec<T> {
  readonly type: string;
  readonly value: fc.Arbitrary<T>;
  readonly encode: (value: T) => string;
  readonly read: (body: Readonly<Record<string, unknown>>) => T;
}

const codecs: Record<string, Codec<never>> = {
  hello: codec({
    type: 'h',
    value: fc.record({
      version: fc.constant(1),
      auth: orAbsent(text),
      resume: orAbsent(fc.tuple(text, counters).map(([token, rest]) => ({ token, ...rest }))),
    }),
    encode: encodeHello,
    read: readHello,
  }),
  welcome: codec({
    type: 'w',
    value: fc.record({
      session: text,
      token: text,
      generation: count,
      resumed: fc.boolean(),
      handled: count,
      received: count,
      windowMs: duration,
      heartbeatMs: fc.integer({ min: 1, max: MAX_DURATION_MS }),
      pacingMs: duration,
      limits: fc.record({ messageBytes: count, queueMessages: count, queueBytes: count }),
      lost,
    }),
    encode: encodeWelcome,
    read: readWelcome,
  }),
  rehomed: codec({
    type: 'r',
    value: fc.record({
      cause: fc.constantFrom('handoff' as const, 'failover' as const),
      generation: count,
      token: text,
      handled: orAbsent(count),
      received: orAbsent(count),
      lost,
    }),
    encode: encodeRehomed,
    read: readRehomed,
  }),
  resync: codec({ type: 'y', value: counters, encode: encodeResync, read: readCounters }),
  goaway: codec({
    type: 'g',
    value: fc.record({ deadlineMs: duration, delayMs: duration, reason: text }),
    encode: encodeGoAway,
    read: readGoAway,
  }),
  ping: codec({ type: 'p', value: orAbsent(duration), encode: encodePing, read: readPing }),
  token: codec({
    type: 't',
    value: fc.record({ token: text, authMs: orAbsent(duration) }),
    encode: encodeToken,
    read: readToken,
  }),
  auth: codec({ type: 'u', value: text, encode: encodeAuth, read: readAuth }),
  close: codec({
    type: 'c',
    value: fc.record({ code: closeCode, reason: text }),
    encode: encodeClose,
    read: readClose,
  }),
};

describe.each(Object.entries(codecs))('%s', (_, { type, value, encode, read }) => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(value, (original) => {
        const frame = decodeControl(encode(original));
        expect(frame.type).toBe(type);
        expect(read(frame.body)).toEqual(original);
      }),
    );
  });

  it('ignores fields that it does not know', () => {
    fc.assert(
      fc.property(value, fc.jsonValue(), (original, more) => {
        const { body } = decodeControl(encode(original));
        expect(read({ ...body, more, ['__proto__x']: more })).toEqual(original);
      }),
    );
  });
});

it('pong is an empty object', () => {
  expect(decodeControl(PONG)).toEqual({ kind: 'control', type: 'q', body: {} });
});

const COUNTERS = { received: 0, lowest: 1, sent: 0 };
const WELCOME = {
  session: 's',
  token: 't',
  generation: 1,
  handled: 0,
  received: 0,
  windowMs: 1,
  heartbeatMs: 1,
  pacingMs: 1,
  limits: { messageBytes: 1, queueMessages: 1, queueBytes: 1 },
};

describe('a body that is not as described', () => {
  it.each<[string, () => unknown, RegExp]>([
    ['hello without a version', () => readHello({}), /^v: /],
    ['hello with a version as text', () => readHello({ v: '1' }), /^v: .*got "1"/],
    ['hello with auth that is no string', () => readHello({ v: 1, auth: 7 }), /^auth: .*got 7/],
    ['hello with resume as a list', () => readHello({ v: 1, resume: [] }), /^resume: .*got a list/],
    ['hello without a token to resume', () => readHello({ v: 1, resume: { ...COUNTERS } }), /^token: /],
    ['counters: lowest 0', () => readCounters({ ...COUNTERS, lowest: 0 }), /^lowest: /],
    ['counters: lowest above sent + 1', () => readCounters({ received: 0, lowest: 3, sent: 1 }), /^lowest: /],
    ['counters: a fraction', () => readCounters({ ...COUNTERS, received: 0.5 }), /^received: /],
    ['counters: negative', () => readCounters({ ...COUNTERS, received: -1 }), /^received: /],
    ['counters: 2^53', () => readCounters({ ...COUNTERS, received: 2 ** 53 }), /^received: /],
    ['welcome without limits', () => readWelcome({ ...WELCOME, limits: null }), /^limits: .*got null/],
    ['welcome with a heartbeat that never rests', () => readWelcome({ ...WELCOME, heartbeatMs: 0 }), /^heartbeatMs: /],
    ['welcome with a duration no timer can wait', () => readWelcome({ ...WELCOME, windowMs: 2 ** 31 }), /^windowMs: /],
    ['welcome with lost as text', () => readWelcome({ ...WELCOME, lost: '1-2' }), /^lost: /],
    ['rehomed with another cause', () => readRehomed({ cause: 'resume', generation: 1, token: 't' }), /^cause: /],
    ['goaway without a delay', () => readGoAway({ deadlineMs: 1 }), /^delayMs: /],
    ['ping with text', () => readPing({ pacingMs: 'soon' }), /^pacingMs: /],
    ['token with an object', () => readToken({ token: {} }), /^token: .*got an object/],
    ['auth without it', () => readAuth({}), /^auth: .*got undefined/],
    ['close with a code that no frame may carry', () => readClose({ code: 1006 }), /^code: .*got 1006/],
    ['close with a code that is no u16', () => readClose({ code: 70_000 }), /^code: /],
  ])('%s is refused with 4400, and the field is named', (_, read, message) => {
    let error: unknown;
    try {
      read();
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error).toMatchObject({ code: 'PROTOCOL_ERROR', closeCode: 4400, message: expect.stringMatching(message) });
  });

  it.each(['m{}', 'b{}', 'e{}', '{}', 'h', '', 'h[]', 'hnull', 'h1', 'h{', ' h{}', 'H{}', 'h{}x', '\u0000{}'])(
    'the text %j is no control frame',
    (frame) => {
      expect(() => decodeControl(frame)).toThrow(ProtocolError);
    },
  );

  it('takes null for absent', () => {
    expect(readHello({ v: 1, auth: null, resume: null })).toEqual({ version: 1, auth: undefined, resume: undefined });
  });

  it('does not look at what a hello of another version holds besides', () => {
    expect(readHello({ v: 2, auth: { kind: 'new' }, resume: 'new' }).version).toBe(2);
  });

  it('is described in a few words, however long or deep it is', () => {
    const deep: unknown = JSON.parse('['.repeat(100_000) + ']'.repeat(100_000));
    for (const token of [deep, 'x'.repeat(1e6), { deep }]) {
      let message = '';
      try {
        readAuth({ auth: typeof token === 'string' ? [token] : token });
      } catch (error) {
        message = (error as Error).message;
      }
      expect(message).toMatch(/^auth: expected a string/);
      expect(message.length).toBeLessThan(200);
    }
  });
});

function codec<T>(parts: Codec<T>): Codec<never> {
  return parts as unknown as Codec<never>;
}
