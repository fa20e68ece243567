/**
 * Whatever arrives from the network, a decoder answers a value or throws a ProtocolError: nothing else, and in a time that
 * grows with the input and no faster. Inputs are random, almost valid (a valid frame with some bytes changed), hostile JSON
 * values in every field, and large ones made to be slow.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as protocol from './index.js';

type Body = protocol.Body;

const bodyReaders: readonly ((body: Body) => unknown)[] = [
  protocol.readAuth,
  protocol.readClose,
  protocol.readCounters,
  protocol.readGoAway,
  protocol.readHello,
  protocol.readPing,
  protocol.readRehomed,
  protocol.readToken,
  protocol.readWelcome,
  protocol.readChallenge,
  protocol.readDrain,
  protocol.readHandoff,
  protocol.readLoad,
  protocol.readOpen,
  protocol.readOpened,
  protocol.readProve,
  protocol.readReady,
  protocol.readAuthenticated,
  (body) => protocol.readAuthorized(body, 1),
  protocol.readCommitOutcome,
  protocol.readParkOutcome,
  protocol.readRequest,
  protocol.readResult,
  protocol.readHeldTopics,
  protocol.readHistory,
  protocol.readHistoryPage,
  protocol.readLagging,
  protocol.readMemberList,
  protocol.readPresenceChange,
  protocol.readPublished,
  protocol.readRef,
  protocol.readSubscribe,
  protocol.readSubscribed,
  protocol.readTopic,
  protocol.readTopicJoin,
];

const header = { n: 0, ack: 0, payloadAt: 0 };
const byteReaders: Record<string, (bytes: Uint8Array<ArrayBuffer>) => unknown> = {
  decodeClientFrame: (bytes) => protocol.decodeClientFrame(bytes.slice().buffer),
  'readDataHeader, text': (bytes) =>
    protocol.readDataHeader(bytes, { start: 0, end: bytes.length, isBinary: false }, header),
  'readDataHeader, binary': (bytes) =>
    protocol.readDataHeader(bytes, { start: 0, end: bytes.length, isBinary: true }, header),
  decodeTopicBinary: (bytes) => protocol.decodeTopicBinary(bytes),
  'readPublish, text': (bytes) => protocol.readPublish(bytes, { start: 0, end: bytes.length, isBinary: false }),
  'readPublish, binary': (bytes) => protocol.readPublish(bytes, { start: 0, end: bytes.length, isBinary: true }),
  readBatch: (bytes) => protocol.readBatch(bytes, { onFrame: () => undefined }),
  decodeWithTail: (bytes) => protocol.decodeWithTail(bytes),
  decodeJson: (bytes) => protocol.decodeJson(bytes),
  decodeCloseFrame: (bytes) => protocol.decodeCloseFrame(bytes),
};

const stringReaders: Record<string, (text: string) => unknown> = {
  decodeClientFrame: (text) => protocol.decodeClientFrame(text),
  decodeControl: (text) => protocol.decodeControl(text),
  decodeTopicText: (text) => protocol.decodeTopicText(text),
  'decodeControl and every reader': (text) => readAll(protocol.decodeControl(text).body),
};

const COUNTERS = { handled: 1, received: 2, lastDown: 3, ackedDown: 1 };
/** One of everything, to be damaged. */
const valid: readonly Uint8Array<ArrayBuffer>[] = [
  new TextEncoder().encode(protocol.encodeText(35, 36, 'text')),
  protocol.encodeBinary(300, 1, Uint8Array.of(1, 2)),
  new TextEncoder().encode(protocol.encodeAck(1295)),
  protocol.encodeJson({ ref: 1, op: 'park', ...COUNTERS }),
  protocol.encodeWithTail(COUNTERS, [
    { n: 4, isBinary: true, data: Uint8Array.of(9) },
    { n: 5, isBinary: false, data: Uint8Array.of(0x61) },
  ]),
  protocol.encodeCloseFrame(4003, 'replaced'),
  protocol.encodeTopicMessage('röom', { offset: 300, isBinary: true, data: Uint8Array.of(1) }),
  new TextEncoder().encode(protocol.encodePublishText(36, 'r🌍m', 'text')),
  protocol.encodePublishBinary(300, 'röom', Uint8Array.of(1)),
  batchOf(3),
];
const damaged = fc
  .tuple(fc.constantFrom(...valid), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.nat())
  .map(([frame, changes, cut]) => {
    const bytes = frame.slice();
    for (const [at, value] of changes) bytes[at % bytes.length] = value;
    return cut % 4 === 0 ? bytes.slice(0, cut % bytes.length) : bytes;
  });
const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 64 }).map((bytes) => new Uint8Array(bytes)),
  damaged,
);

describe.each(Object.entries(byteReaders))('%s', (_, read) => {
  it('answers any bytes with a value or a ProtocolError', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => expectValueOrProtocolError(() => read(bytes))),
      { numRuns: 2000 },
    );
  });
});

describe.each(Object.entries(stringReaders))('%s', (_, read) => {
  const kind = fc.constantFrom(...'hwrygpqtucsxlikzmabd', '');
  const almost = fc.tuple(kind, fc.oneof(fc.json(), fc.string({ unit: 'binary' }))).map(([a, b]) => a + b);
  // Lone surrogates, too.
  const anyString = fc.oneof(
    almost,
    fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units)),
  );

  it('answers any string with a value or a ProtocolError', () => {
    fc.assert(
      fc.property(anyString, (text) => expectValueOrProtocolError(() => read(text))),
      { numRuns: 2000 },
    );
  });
});

it('every reader answers any object with a value or a ProtocolError, whatever stands in the fields that it looks at', () => {
  const fields = [
    'v auth resume token received lowest sent session generation resumed handled windowMs heartbeatMs pacingMs limits',
    'lost from to cause deadlineMs delayMs reason code versions nonce version proof worker staleMs maxMessageBytes',
    'incarnation capacity authenticates sessions lagMs weight plain path query headers address principal claims client',
    'topic since epoch offset presence joined recovered members topics limit reverse type member info subscriptions',
    'top messages more total allowed asks key',
    'counters state checkpoint lastDown ackedDown ref op ok error retryable outcome complete',
    '__proto__ constructor toString',
  ].flatMap((line) => line.split(' '));
  const value = fc.oneof(
    fc.constantFrom(
      'park',
      'commit',
      'authenticate',
      'handoff',
      'publish',
      'history',
      'authorize',
      'A'.repeat(12),
      'A'.repeat(22),
      'A'.repeat(16),
      1,
      0,
      -0,
      {},
      [],
    ),
    fc.jsonValue(),
    fc.constantFrom([['a', 'A'.repeat(12), 1, 3]], [{ offset: 1, base64: '*', atMs: 1 }], [{ id: 'a', info: {} }]),
    // toString and toJSON as data: whoever turns a value into text by itself throws a TypeError.
    fc.constantFrom({ toString: null }, { toJSON: 1, valueOf: 1 }, [[[]]], 2 ** 53, 0.5, '\ud800'),
  );
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...fields), value, { maxKeys: 30, size: 'max' }), (body) => {
      // As JSON.parse makes it: `__proto__` is a field like any other.
      readAll(JSON.parse(JSON.stringify(body)) as Body);
    }),
    { numRuns: 1000 },
  );
});

describe('large hostile input', () => {
  const MEGABYTES = 1;
  const many = (unit: string): string => unit.repeat((MEGABYTES * 1024 * 1024) / unit.length);
  /** Linear work on 1 MiB takes milliseconds; work that grows with the square takes hours. */
  const WITHIN_MS = 5000;

  it.each<[string, () => unknown]>([
    ['zeros for a number', () => protocol.decodeClientFrame(`m${many('0')}`)],
    ['digits for a number', () => protocol.decodeClientFrame(`a${many('z')}`)],
    ['dots without a colon', () => protocol.decodeClientFrame(`m${many('.')}`)],
    ['colons', () => protocol.decodeClientFrame(`m1.1${many(':')}`)],
    ['nested lists', () => readAll(protocol.decodeControl(`h{"v":1,"auth":${many('[')}${many(']')}}`).body)],
    ['nested objects', () => readAll(protocol.decodeControl(`h{"outcome":${many('{"a":')}1${many('}')}}`).body)],
    ['nested lists, not closed', () => protocol.decodeControl(`h${many('[')}`)],
    ['many fields', () => readAll(protocol.decodeControl(`h{${many('"a":1,')}"b":1}`).body)],
    ['a long string', () => readAll(protocol.decodeControl(`h{"v":"${many('x')}"}`).body)],
    ['bytes of a number', () => readText(Buffer.from(`m${many('0')}`))],
    ['empty frames', () => protocol.readBatch(new Uint8Array(MEGABYTES * 1024 * 1024), { onFrame: () => undefined })],
    ['a long name of a topic', () => protocol.decodeTopicText(`d1.1${many('0')}:`)],
    ['a long topic', () => protocol.isTopicName(many('x'))],
    [
      'many messages of a page',
      () => readAll(protocol.decodeControl(`h{"epoch":"AAAAAAAAAAAA","top":1,"messages":[${many('1,')}1]}`).body),
    ],
    [
      'a long message in base64',
      () => readAll({ epoch: 'A'.repeat(12), top: 1, messages: [{ offset: 1, atMs: 1, base64: many('AAAA') }] }),
    ],
    ['a long reason', () => protocol.decodeCloseFrame(Buffer.from(many('é')))],
    ['empty entries of a tail', () => protocol.decodeWithTail(longTail(MEGABYTES * 1024 * 1024))],
  ])('%s: answered in bounded time', (_, read) => {
    const startedAt = performance.now();
    expectValueOrProtocolError(read);
    expect(performance.now() - startedAt).toBeLessThan(WITHIN_MS);
  });
});

function readText(bytes: Uint8Array): void {
  protocol.readDataHeader(bytes, { start: 0, end: bytes.length, isBinary: false }, header);
}

function readAll(body: Body): void {
  for (const read of bodyReaders) expectValueOrProtocolError(() => read(body));
}

function expectValueOrProtocolError(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(protocol.ProtocolError);
    const { message, closeCode } = error as protocol.ProtocolError;
    expect(message.length).toBeLessThan(200);
    expect(protocol.isWireCloseCode(closeCode)).toBe(true);
  }
}

function batchOf(frames: number): Uint8Array<ArrayBuffer> {
  const writer = new protocol.BatchWriter();
  for (let n = 1; n <= frames; n += 1) writer.frame(n, protocol.TrunkKind.Text, Uint8Array.of(n));
  return (writer.take() as Uint8Array<ArrayBuffer>).slice();
}

function longTail(bytes: number): Uint8Array {
  const entries = Math.floor(bytes / 13);
  return protocol.encodeWithTail(
    {},
    Array.from({ length: entries }, (_, i) => ({ n: i + 1, isBinary: false, data: new Uint8Array() })),
  );
}
