/** Bodies of trunk frames: round trips through JSON, and what is checked in each field. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CloseCode } from './close-code.js';
import { isIncarnation, isSessionId, supersedes } from './ids.js';
import { MAX_DURATION_MS } from './limits.js';
import { ProtocolError } from './protocol-error.js';
import { decodeJson, encodeJson } from './tail.js';
import {
  agreeOnVersion,
  type Body,
  decodeCloseFrame,
  encodeCloseFrame,
  readChallenge,
  readDrain,
  readHandoff,
  readLoad,
  readOpen,
  readOpened,
  readProve,
  readReady,
} from './trunk-control.js';
import { readResult } from './topic-result.js';
import {
  readAuthenticated,
  readCommitOutcome,
  readParkOutcome,
  readRequest,
  type RequestBody,
} from './trunk-request.js';

const count = fc.maxSafeNat();
const duration = fc.nat(MAX_DURATION_MS);
const text = fc.string({ unit: 'binary', maxLength: 30 });
const base64url = fc.constantFrom(...'AZaz09_-');
const session = fc.string({ unit: base64url, minLength: 22, maxLength: 22 });
const incarnation = fc.string({ unit: base64url, minLength: 16, maxLength: 16 });
const orAbsent = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });
const ordered = fc.tuple(count, count).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
const counters = fc.tuple(ordered, ordered).map(([[handled, received], [ackedDown, lastDown]]) => ({
  handled,
  received,
  lastDown,
  ackedDown,
}));
const claims = fc.dictionary(fc.string(), fc.string()).map((value) => ({ ...value }));
const headers = fc.dictionary(fc.string({ minLength: 1 }), fc.string()).map((value) => ({ ...value }));
const clientRequest = { path: text, query: text, headers, address: text };

/** Each reader with what it must give back. */
const readers: Record<string, { readonly value: fc.Arbitrary<object>; readonly read: (body: Body) => object }> = {
  challenge: { value: fc.record({ versions: fc.array(count), nonce: text }), read: readChallenge },
  prove: {
    value: fc.record({
      version: count,
      nonce: text,
      proof: text,
      worker: incarnation,
      heartbeatMs: fc.integer({ min: 1, max: 1_000_000 }),
      staleMs: fc.integer({ min: 1_000_001, max: MAX_DURATION_MS }),
      maxMessageBytes: count,
    }),
    read: readProve,
  },
  ready: {
    value: fc.record({
      proof: text,
      incarnation,
      capacity: count,
      authenticates: fc.boolean(),
      maxMessageBytes: count,
    }),
    read: readReady,
  },
  drain: { value: fc.record({ reason: text, deadlineMs: duration }), read: readDrain },
  load: {
    value: fc.record({
      sessions: count,
      lagMs: fc.double({ min: 0, max: 1e6, noNaN: true }).map(Math.abs),
      weight: fc.double({ min: 0, max: 1, noNaN: true }).map(Math.abs),
    }),
    read: readLoad,
  },
  open: {
    value: fc.record({
      ...clientRequest,
      session,
      generation: count,
      cause: fc.constantFrom('connect', 'resume', 'handoff', 'failover'),
      plain: fc.boolean(),
      principal: orAbsent(text),
      claims: orAbsent(claims),
      windowMs: duration,
      client: orAbsent(fc.nat(1000).map((sent) => ({ received: 7, lowest: Math.max(1, sent), sent }))),
      counters: orAbsent(counters),
      state: orAbsent(text),
      checkpoint: orAbsent(fc.record({ handled: count, state: text })),
    }),
    read: readOpen,
  },
  opened: {
    value: fc.record({
      handled: count,
      received: count,
      lost: orAbsent(fc.record({ from: count, to: fc.option(count) })),
    }),
    read: readOpened,
  },
  handoff: {
    value: fc.tuple(counters, orAbsent(text)).map(([rest, state]) => ({ ...rest, state })),
    read: readHandoff,
  },
};

describe.each(Object.entries(readers))('%s', (_, { value, read }) => {
  it('comes back as it was, and unknown fields are ignored', () => {
    fc.assert(
      fc.property(value, fc.jsonValue(), (original, more) => {
        expect(read(decodeJson(encodeJson({ ...original, more })))).toEqual(original);
      }),
    );
  });

  it('refuses an empty body', () => {
    expect(() => read({})).toThrow(ProtocolError);
  });
});

describe('requests', () => {
  const requests: fc.Arbitrary<RequestBody> = fc.oneof(
    fc
      .tuple(
        fc.record({ session, generation: count, complete: fc.boolean(), state: orAbsent(text), windowMs: duration }),
        counters,
      )
      .map(([rest, at]) => ({ op: 'park' as const, ...rest, ...at })),
    fc.record({ op: fc.constant('commit' as const), session, generation: count, handled: count, state: text }),
    fc.record({ op: fc.constant('authenticate' as const), auth: orAbsent(text), ...clientRequest }),
  );

  it('come back as they were', () => {
    fc.assert(
      fc.property(count, requests, (ref, request) => {
        expect(readRequest(decodeJson(encodeJson({ ref, ...request })))).toEqual({ ref, request });
      }),
    );
  });

  it('are answered well or badly', () => {
    expect(readResult({ ref: 1, ok: true, outcome: 'parked' })).toMatchObject({ ref: 1, ok: true });
    expect(readResult({ ref: 2, ok: false, error: 'no', retryable: true })).toEqual({
      ref: 2,
      ok: false,
      error: 'no',
      retryable: true,
    });
    // What does not say that it is well is not.
    expect(readResult({ ref: 3 })).toEqual({ ref: 3, ok: false, error: 'failed', retryable: false });
    expect(() => readResult({ ok: true })).toThrow(/^ref: /);
  });

  it.each(['parked', 'fenced', 'unknown', 'full'])('park may end as %s', (outcome) => {
    expect(readParkOutcome({ outcome })).toBe(outcome);
  });

  it.each(['committed', 'fenced', 'unknown'])('commit may end as %s', (outcome) => {
    expect(readCommitOutcome({ outcome })).toBe(outcome);
  });

  it.each([undefined, null, 'PARKED', 1, [['parked']], { toString: null }])('no outcome is %j', (outcome) => {
    expect(() => readParkOutcome({ outcome })).toThrow(ProtocolError);
    expect(() => readCommitOutcome({ outcome })).toThrow(ProtocolError);
  });

  it('authenticate gives a principal, or refuses', () => {
    expect(readAuthenticated({ principal: 'ann', claims: { a: 1 } })).toEqual({ principal: 'ann', claims: { a: 1 } });
    expect(readAuthenticated({ principal: null })).toEqual({ principal: null, claims: undefined });
    expect(readAuthenticated({})).toEqual({ principal: null, claims: undefined });
    expect(() => readAuthenticated({ principal: 7 })).toThrow(/^principal: /);
  });
});

const ID = 'A'.repeat(22);
const WORKER = 'A'.repeat(16);
const PROVE = {
  version: 1,
  nonce: 'n',
  proof: 'p',
  worker: WORKER,
  heartbeatMs: 2000,
  staleMs: 6000,
  maxMessageBytes: 1,
};
const COUNTERS = { handled: 1, received: 1, lastDown: 1, ackedDown: 1 };
const OPEN = {
  session: ID,
  generation: 1,
  cause: 'connect',
  plain: false,
  windowMs: 1,
  path: '/',
  query: '',
  headers: {},
  address: '::1',
};

describe('a body that is not as described', () => {
  it.each<[string, () => unknown, RegExp]>([
    ['challenge: versions as one number', () => readChallenge({ versions: 1, nonce: 'n' }), /^versions: /],
    ['challenge: a version as text', () => readChallenge({ versions: ['1'], nonce: 'n' }), /^versions: /],
    ['prove: a worker that is no incarnation', () => readProve({ ...PROVE, worker: 'w' }), /^worker: /],
    ['prove: a heartbeat that never rests', () => readProve({ ...PROVE, heartbeatMs: 0 }), /^heartbeatMs: /],
    ['prove: stale before its heartbeat', () => readProve({ ...PROVE, staleMs: 2000 }), /^staleMs: /],
    ['prove: a duration that no timer can wait', () => readProve({ ...PROVE, staleMs: 2 ** 31 }), /^staleMs: /],
    [
      'ready: an incarnation with a slash',
      () => readReady({ proof: 'p', incarnation: `/${'A'.repeat(15)}` }),
      /^incarnation: /,
    ],
    ['load: a weight above 1', () => readLoad({ sessions: 1, lagMs: 0, weight: 1.1 }), /^weight: /],
    ['load: a weight below 0', () => readLoad({ sessions: 1, lagMs: 0, weight: -0.1 }), /^weight: /],
    ['load: an infinite lag', () => readLoad(JSON.parse('{"sessions":1,"lagMs":1e999,"weight":1}')), /^lagMs: /],
    ['open: a session id of another length', () => readOpen({ ...OPEN, session: 'A'.repeat(21) }), /^session: /],
    [
      'open: a session id that would break a key',
      () => readOpen({ ...OPEN, session: `}${'A'.repeat(21)}` }),
      /^session: /,
    ],
    ['open: another cause', () => readOpen({ ...OPEN, cause: 'rehome' }), /^cause: /],
    ['open: a header that is a list', () => readOpen({ ...OPEN, headers: { a: ['b'] } }), /^headers\.a: /],
    [
      'open: counters of a client that cannot be',
      () => readOpen({ ...OPEN, client: { received: 0, lowest: 0, sent: 0 } }),
      /^lowest: /,
    ],
    ['open: a checkpoint without state', () => readOpen({ ...OPEN, checkpoint: { handled: 1 } }), /^state: /],
    ['handoff: more handled than received', () => readHandoff({ ...COUNTERS, handled: 2 }), /^handled: /],
    ['handoff: more acknowledged than sent', () => readHandoff({ ...COUNTERS, ackedDown: 2 }), /^ackedDown: /],
    ['request: another op', () => readRequest({ ref: 1, op: 'flush' }), /^op: /],
    ['request: without a reference', () => readRequest({ op: 'commit' }), /^ref: /],
  ])('%s is refused, and the field is named', (_, read, message) => {
    expect(read).toThrow(ProtocolError);
    expect(read).toThrow(message);
  });
});

describe('versions', () => {
  it('agree on the one that both speak', () => {
    expect(agreeOnVersion([3, 1], CloseCode.UnsupportedVersion)).toBe(1);
  });

  it.each([[[]], [[2]], [Array.from({ length: 100_000 }, () => 2)]])(
    'that have nothing in common close with 4505',
    (versions) => {
      let error: unknown;
      try {
        agreeOnVersion(versions, CloseCode.UnsupportedVersion);
      } catch (caught) {
        error = caught;
      }
      expect(error).toMatchObject({ code: 'PROTOCOL_ERROR', closeCode: 4505 });
      expect((error as Error).message.length).toBeLessThan(100);
    },
  );
});

describe('close and detach', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(fc.nat(0xffff), text, (code, reason) => {
        expect(decodeCloseFrame(encodeCloseFrame(code, reason))).toEqual({ code, reason });
      }),
    );
  });

  it('are refused without a whole code', () => {
    for (const bytes of [[], [0x0f]]) expect(() => decodeCloseFrame(Uint8Array.from(bytes))).toThrow(ProtocolError);
  });

  it('keep what can be read of a reason that is not UTF-8', () => {
    expect(decodeCloseFrame(Uint8Array.of(0x03, 0xe8, 0x61, 0xff))).toEqual({ code: 1000, reason: 'a\ufffd' });
  });
});

describe('identifiers', () => {
  it.each([
    { id: 'AZaz09_-AZaz09_-AZaz09', isSession: true, isOneLife: false },
    { id: 'AZaz09_-AZaz09_-', isSession: false, isOneLife: true },
    { id: 'AZaz09_-AZaz09_-AZaz0', isSession: false, isOneLife: false },
    { id: 'AZaz09_-AZaz09_-AZaz0\n', isSession: false, isOneLife: false },
    { id: 'AZaz09_-AZaz09_-AZaz0=', isSession: false, isOneLife: false },
    { id: '', isSession: false, isOneLife: false },
    { id: ['AZaz09_-AZaz09_-'], isSession: false, isOneLife: false },
  ])('$id', ({ id, isSession, isOneLife }) => {
    expect(isSessionId(id)).toBe(isSession);
    expect(isIncarnation(id)).toBe(isOneLife);
  });

  it('only a higher generation takes over', () => {
    expect([supersedes(2, 1), supersedes(1, 1), supersedes(1, 2)]).toEqual([true, false, false]);
  });
});
