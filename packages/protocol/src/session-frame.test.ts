/** Frames of `holdfast.v1`: round trips, and that the encoding as strings and the one as bytes are the same thing. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_DATA_HEADER_BYTES } from './limits.js';
import { ProtocolError } from './protocol-error.js';
import {
  decodeClientFrame,
  encodeAck,
  encodeBinary,
  encodeText,
  isEndToEnd,
  readDataHeader,
  SessionKind,
  writeAck,
  writeBinaryHeader,
  writeTextHeader,
} from './session-frame.js';

const ack = fc.oneof(fc.maxSafeNat(), fc.nat(2000));
const n = ack.map((number) => Math.max(1, number));
// Well-formed: a WebSocket carries no lone surrogates.
const text = fc.string({ unit: 'binary', maxLength: 50 });
const bytes = fc.uint8Array({ maxLength: 50 });

describe('data frames', () => {
  it('of text come back as they were', () => {
    fc.assert(
      fc.property(n, ack, text, (number, acknowledged, data) => {
        expect(decodeClientFrame(encodeText(number, acknowledged, data))).toEqual({
          kind: 'text',
          n: number,
          ack: acknowledged,
          data,
        });
      }),
    );
  });

  it('of bytes come back as they were', () => {
    fc.assert(
      fc.property(n, ack, bytes, (number, acknowledged, data) => {
        const frame = encodeBinary(number, acknowledged, data);
        expect(decodeClientFrame(frame.buffer)).toEqual({ kind: 'binary', n: number, ack: acknowledged, data });
      }),
    );
  });

  it('are the same as a string and as bytes', () => {
    fc.assert(
      fc.property(n, ack, text, fc.nat(9), (number, acknowledged, data, start) => {
        const asString = Buffer.from(encodeText(number, acknowledged, data));
        const head = new Uint8Array(start + MAX_DATA_HEADER_BYTES);
        const payloadAt = writeTextHeader(head, start, number, acknowledged);
        expect(Buffer.concat([head.subarray(start, payloadAt), Buffer.from(data)])).toEqual(asString);

        // In the middle of a batch, with something before and behind.
        const batch = Buffer.concat([Buffer.alloc(start, 0x6d), asString, Buffer.from('9.9:')]);
        const header = { n: -1, ack: -1, payloadAt: -1 };
        readDataHeader(batch, { start, end: start + asString.length, isBinary: false }, header);
        expect(header).toEqual({ n: number, ack: acknowledged, payloadAt });
      }),
    );
  });

  it('of bytes are the same in one piece and as a head in a batch', () => {
    fc.assert(
      fc.property(n, ack, bytes, fc.nat(9), (number, acknowledged, data, start) => {
        const whole = encodeBinary(number, acknowledged, data);
        const head = new Uint8Array(start + MAX_DATA_HEADER_BYTES);
        const payloadAt = writeBinaryHeader(head, start, number, acknowledged);
        expect(Buffer.concat([head.subarray(start, payloadAt), data])).toEqual(Buffer.from(whole));

        const batch = Buffer.concat([Buffer.alloc(start, 1), whole, Buffer.alloc(9, 1)]);
        const header = { n: -1, ack: -1, payloadAt: -1 };
        readDataHeader(batch, { start, end: start + whole.length, isBinary: true }, header);
        expect(header).toEqual({ n: number, ack: acknowledged, payloadAt });
      }),
    );
  });

  it('do not share memory: one that was encoded earlier stays as it is', () => {
    const first = encodeBinary(1, 2, Uint8Array.of(3));
    encodeBinary(9, 9, Uint8Array.of(9));
    expect([...first]).toEqual([0x01, 1, 2, 3]);
  });
});

describe('acks', () => {
  it('come back as they were, and are the same as a string and as bytes', () => {
    fc.assert(
      fc.property(ack, (acknowledged) => {
        const asString = encodeAck(acknowledged);
        expect(decodeClientFrame(asString)).toEqual({ kind: 'ack', ack: acknowledged });
        const asBytes = new Uint8Array(MAX_DATA_HEADER_BYTES);
        const end = writeAck(asBytes, 0, acknowledged);
        expect(Buffer.from(asBytes.subarray(0, end)).toString()).toBe(asString);
        const header = { n: -1, ack: -1, payloadAt: -1 };
        readDataHeader(asBytes, { start: 0, end, isBinary: false }, header);
        expect(header).toEqual({ n: 0, ack: acknowledged, payloadAt: end });
      }),
    );
  });
});

it('says of any text frame of kind m or a the same as a string and as bytes', () => {
  const almost = fc.string({ unit: fc.constantFrom(...'mma0019az.:x'), minLength: 1, maxLength: 16 });
  fc.assert(
    fc.property(almost, (frame) => {
      if (!isEndToEnd(frame.charCodeAt(0))) return;
      const asBytes = Buffer.from(frame);
      const header = { n: -1, ack: -1, payloadAt: -1 };
      const fromBytes = valueOrProtocolError(() => {
        readDataHeader(asBytes, { start: 0, end: asBytes.length, isBinary: false }, header);
        return { n: header.n, ack: header.ack, data: frame.slice(header.payloadAt) };
      });
      const fromString = valueOrProtocolError(() => {
        const decoded = decodeClientFrame(frame);
        return { n: 0, data: '', ...decoded, kind: undefined };
      });
      expect(fromString && { ...fromString }).toEqual(fromBytes && { ...fromBytes, kind: undefined });
    }),
    { numRuns: 5000 },
  );
});

it('lets only data and acks pass unread', () => {
  const endToEnd = Array.from({ length: 256 }, (_, kind) => kind).filter((kind) => isEndToEnd(kind));
  expect(endToEnd).toEqual([SessionKind.Ack, SessionKind.Text]);
  expect(isEndToEnd(undefined)).toBe(false);
});

function valueOrProtocolError<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
    return undefined;
  }
}
