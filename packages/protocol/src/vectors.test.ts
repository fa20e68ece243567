/**
 * The golden vectors in ../vectors against our codecs, in every encoding that a value has. They were written from
 * PROTOCOL.md by other code than ours, so what both agree on is the specification and not a shared mistake.
 */
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readBase36, readVarint, writeBase36, writeVarint } from './numbers.js';
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
import {
  type ClientFrame,
  decodeClientFrame,
  encodeAck,
  encodeBinary,
  encodeText,
  readDataHeader,
} from './session-frame.js';
import { decodeJson, decodeWithTail, encodeWithTail } from './tail.js';
import { readResult } from './topic-result.js';
import {
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
  readTopicJoin,
} from './trunk-control.js';
import { BatchWriter, readBatch, TrunkKind } from './trunk-frame.js';
import { readRequest } from './trunk-request.js';

type Wrong = { readonly why: string };
type Hex = { readonly hex: string };

interface Numbers {
  readonly valid: readonly { readonly value: number; readonly base36: string; readonly varint: string }[];
  readonly invalid: readonly (Wrong & { readonly base36?: string; readonly varint?: string })[];
}

interface SessionVector {
  readonly name: string;
  readonly text?: string;
  readonly hex?: string;
  /** Binary data in hex. */
  readonly frame: { readonly kind: string; readonly n: number; readonly ack: number; readonly data: string } & {
    readonly type: string;
    readonly body: Body;
  };
  /** How we write the same thing, where it is not how it was read. */
  readonly sameAs?: string;
}

interface Session {
  readonly valid: readonly SessionVector[];
  readonly invalid: readonly (Wrong & { readonly text?: string; readonly hex?: string })[];
}

interface Trunk {
  readonly batches: {
    readonly valid: readonly (Hex & {
      readonly name: string;
      readonly frames: readonly { readonly stream: number; readonly kind: number; readonly payload: string }[];
    })[];
    readonly invalid: readonly (Hex & Wrong)[];
  };
  readonly closes: {
    readonly valid: readonly (Hex & { readonly code: number; readonly reason: string })[];
    readonly invalid: readonly (Hex & Wrong)[];
  };
  readonly bodies: {
    readonly valid: readonly (Hex & { readonly frame: string; readonly kind: number; readonly body: Body })[];
    readonly invalid: readonly (Wrong & { readonly frame: string; readonly json: string })[];
  };
  readonly tails: {
    readonly valid: readonly (Hex & {
      readonly frame: string;
      readonly kind: number;
      readonly body: Body;
      readonly tail: readonly { readonly n: number; readonly isBinary: boolean; readonly data: string }[];
    })[];
    readonly invalid: readonly (Hex & Wrong)[];
  };
  readonly proofs: readonly Record<'secret' | 'challengeNonce' | 'proveNonce' | 'worker' | 'backend', string>[];
}

const numbers = load<Numbers>('numbers');
const session = load<Session>('session');
const trunk = load<Trunk>('trunk');

describe('numbers.json', () => {
  it.each(numbers.valid)('$value', ({ value, base36, varint }) => {
    const text = Buffer.from(base36);
    expect(readBase36(text, { at: 0 }, text.length)).toBe(value);
    expect(readVarint(fromHex(varint), { at: 0 }, varint.length / 2)).toBe(value);
    const bytes = new Uint8Array(11);
    expect(Buffer.from(bytes.subarray(0, writeBase36(bytes, 0, value))).toString()).toBe(base36);
    expect(toHex(bytes.subarray(0, writeVarint(bytes, 0, value)))).toBe(varint);
  });

  it.each(numbers.invalid)('not base 36 $base36, varint $varint: $why', ({ base36, varint }) => {
    const bytes = base36 === undefined ? fromHex(varint ?? '') : Buffer.from(base36);
    const cursor = { at: 0 };
    // A reader stops behind the number; what must not be is that all of it passes for one.
    const isWhole = (): boolean => {
      (base36 === undefined ? readVarint : readBase36)(bytes, cursor, bytes.length);
      return cursor.at === bytes.length;
    };
    expect(valueOrProtocolError(isWhole) ?? false).toBe(false);
    if (base36 !== undefined) expect(() => decodeClientFrame(`a${base36}`)).toThrow(ProtocolError);
  });
});

describe('session.json', () => {
  it.each(session.valid)('$name', ({ text, hex, frame, sameAs }) => {
    if (hex !== undefined) {
      expect(decodeClientFrame(fromHex(hex).buffer)).toEqual({ ...frame, data: fromHex(frame.data) });
      expect(toHex(encodeBinary(frame.n, frame.ack, fromHex(frame.data)))).toBe(hex);
      return;
    }
    const decoded = decodeClientFrame(text ?? '');
    expect(decoded).toEqual(frame);
    expect(encode(decoded)).toBe(sameAs ?? text);
  });

  it.each(session.valid.filter(({ frame }) => frame.kind !== 'control'))('$name: as bytes', ({ text, hex, frame }) => {
    const bytes = hex === undefined ? Buffer.from(text ?? '') : fromHex(hex);
    const header = { n: -1, ack: -1, payloadAt: -1 };
    readDataHeader(bytes, { start: 0, end: bytes.length, isBinary: hex !== undefined }, header);
    expect({ n: header.n, ack: header.ack }).toEqual({ n: frame.n ?? 0, ack: frame.ack });
    const payload = bytes.subarray(header.payloadAt);
    expect(hex === undefined ? Buffer.from(payload).toString() : toHex(payload)).toBe(frame.data ?? '');
  });

  it.each(session.invalid)('not text $text, hex $hex: $why', ({ text, hex }) => {
    const read = (): unknown => {
      if (text === undefined) return decodeClientFrame(fromHex(hex ?? '').buffer);
      return encode(decodeClientFrame(text));
    };
    expect(read).toThrow(ProtocolError);
    // Data and acks: the ends of a session read bytes, too.
    if (text === undefined || /^[ma]/.test(text)) {
      const bytes = text === undefined ? fromHex(hex ?? '') : Buffer.from(text);
      const range = { start: 0, end: bytes.length, isBinary: text === undefined };
      expect(() => readDataHeader(bytes, range, { n: 0, ack: 0, payloadAt: 0 })).toThrow(ProtocolError);
    }
  });
});

describe('trunk.json', () => {
  it.each(trunk.batches.valid)('batch: $name', ({ hex, frames }) => {
    const writer = new BatchWriter();
    for (const { stream, kind, payload } of frames) writer.frame(stream, kind, fromHex(payload));
    expect(toHex(writer.take() ?? new Uint8Array())).toBe(hex);
    expect(framesOf(fromHex(hex))).toEqual(frames);
  });

  it.each(trunk.batches.invalid)('no batch $hex: $why', ({ hex }) => {
    expect(() => framesOf(fromHex(hex))).toThrow(ProtocolError);
  });

  it.each(trunk.closes.valid)('close $code $reason', ({ hex, code, reason }) => {
    expect(decodeCloseFrame(fromHex(hex))).toEqual({ code, reason });
    expect(toHex(encodeCloseFrame(code, reason))).toBe(hex);
  });

  it.each(trunk.closes.invalid)('no close $hex: $why', ({ hex }) => {
    expect(() => decodeCloseFrame(fromHex(hex))).toThrow(ProtocolError);
  });

  it.each(trunk.bodies.valid)('body of $frame', ({ frame, kind, hex, body }) => {
    expect(Object.entries(TrunkKind)).toContainEqual([capitalized(frame), kind]);
    const decoded = decodeJson(fromHex(hex));
    expect(decoded).toEqual(body);
    expect(fieldsOf(frame, decoded)).toMatchObject(body);
  });

  it.each(trunk.bodies.invalid)('no body of $frame: $why', ({ frame, json }) => {
    expect(() => fieldsOf(frame, decodeJson(Buffer.from(json)))).toThrow(ProtocolError);
  });

  it.each(trunk.tails.valid)('$frame with a tail', ({ frame, kind, hex, body, tail }) => {
    expect(Object.entries(TrunkKind)).toContainEqual([capitalized(frame), kind]);
    const decoded = decodeWithTail(fromHex(hex));
    expect(decoded.json).toEqual(body);
    expect(decoded.tail.map((entry) => ({ ...entry, data: toHex(entry.data) }))).toEqual(tail);
    expect(fieldsOf(frame, decoded.json)).toMatchObject(body);
    expect(toHex(encodeWithTail(body, decoded.tail))).toBe(hex);
  });

  it.each(trunk.tails.invalid)('no tail $hex: $why', ({ hex }) => {
    expect(() => decodeWithTail(fromHex(hex))).toThrow(ProtocolError);
  });

  it.each(trunk.proofs)(
    'proofs with the secret "$secret"',
    ({ secret, challengeNonce, proveNonce, worker, backend }) => {
      const proof = (role: string): string =>
        createHmac('sha256', secret)
          .update(`holdfast-trunk.v1 ${role}\n${challengeNonce}\n${proveNonce}`)
          .digest('base64url');
      expect([proof('worker'), proof('backend')]).toEqual([worker, backend]);
    },
  );
});

/** As we write what we read: for a control frame, through its reader. */
function encode(frame: ClientFrame): string {
  if (frame.kind === 'text') return encodeText(frame.n, frame.ack, frame.data);
  if (frame.kind === 'ack') return encodeAck(frame.ack);
  if (frame.kind === 'binary') throw new TypeError('expected a text frame');
  const { type, body } = frame;
  const encoders: Record<string, () => string> = {
    h: () => encodeHello(readHello(body)),
    w: () => encodeWelcome(readWelcome(body)),
    r: () => encodeRehomed(readRehomed(body)),
    y: () => encodeResync(readCounters(body)),
    g: () => encodeGoAway(readGoAway(body)),
    p: () => encodePing(readPing(body)),
    q: () => PONG,
    t: () => encodeToken(readToken(body)),
    u: () => encodeAuth(readAuth(body)),
    c: () => encodeClose(readClose(body)),
  };
  const write = encoders[type];
  if (write === undefined) throw new TypeError(`expected a known kind, got ${type}`);
  return write();
}

/** The fields of a trunk's JSON frame as our reader gives them, named as on the wire. */
function fieldsOf(frame: string, body: Body): object {
  const readers: Record<string, (body: Body) => object> = {
    challenge: readChallenge,
    prove: readProve,
    ready: readReady,
    drain: readDrain,
    load: readLoad,
    open: readOpen,
    opened: readOpened,
    handoff: readHandoff,
    resync: readCounters,
    subscribe: readTopicJoin,
    unsubscribe: readTopicJoin,
    request: (request) => {
      const { ref, request: rest } = readRequest(request);
      return { ref, ...rest };
    },
    result: (result) => {
      const read = readResult(result);
      return read.ok ? { ...read.body, ref: read.ref, ok: true } : read;
    },
  };
  const read = readers[frame];
  if (read === undefined) throw new TypeError(`expected a frame with a JSON body, got ${frame}`);
  return read(body);
}

function framesOf(batch: Uint8Array): { stream: number; kind: number; payload: string }[] {
  const frames: { stream: number; kind: number; payload: string }[] = [];
  readBatch(batch, {
    onFrame: (stream, kind, bytes, start, end) =>
      frames.push({ stream, kind, payload: toHex(bytes.subarray(start, end)) }),
  });
  return frames;
}

function valueOrProtocolError<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
    return undefined;
  }
}

function load<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8')) as T;
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

function fromHex(hex: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
