/** Messages of topics: round trips from worker to client and from client to worker, and that no bytes are taken for one. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_TOPIC_BYTES, MAX_TOPIC_HEADER_BYTES } from './limits.js';
import { ProtocolError } from './protocol-error.js';
import { SessionKind } from './session-frame.js';
import {
  decodeTopicBinary,
  decodeTopicText,
  encodePublishBinary,
  encodePublishText,
  encodeTopicMessage,
  readPublish,
  TopicKind,
} from './topic-frame.js';
import { isTopicName } from './topic-name.js';

const number = fc.oneof(fc.maxSafeNat(), fc.nat(2000));
const offset = number.map((n) => Math.max(1, n));
const topic = fc
  .oneof(fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }), fc.string({ minLength: 1, maxLength: 200 }))
  .filter(isTopicName);
// Well-formed: a WebSocket carries no lone surrogates.
const text = fc.string({ unit: 'binary', maxLength: 50 });
const bytes = fc.uint8Array({ maxLength: 50 });

describe('a message of a topic', () => {
  it('of text comes to clients as it was published', () => {
    fc.assert(
      fc.property(topic, offset, text, (name, at, data) => {
        const frame = encodeTopicMessage(name, { offset: at, isBinary: false, data: Buffer.from(data) });
        const asText = Buffer.from(frame).toString();
        expect(asText).toBe(`d${name.length.toString(36)}.${at.toString(36)}:${name}${data}`);
        expect(decodeTopicText(asText)).toEqual({ topic: name, offset: at, data });
      }),
    );
  });

  it('of bytes comes to clients as it was published', () => {
    fc.assert(
      fc.property(topic, offset, bytes, (name, at, data) => {
        const frame = encodeTopicMessage(name, { offset: at, isBinary: true, data });
        expect(decodeTopicBinary(frame)).toEqual({ topic: name, offset: at, data });
      }),
    );
  });

  it('has a head of the longest kind at most, with the longest name and number', () => {
    const message = { offset: Number.MAX_SAFE_INTEGER, data: new Uint8Array() };
    for (const name of ['x'.repeat(MAX_TOPIC_BYTES), '🌍'.repeat(MAX_TOPIC_BYTES / 4)]) {
      for (const isBinary of [false, true]) {
        const { length } = encodeTopicMessage(name, { ...message, isBinary });
        expect(length).toBeLessThanOrEqual(MAX_TOPIC_HEADER_BYTES);
      }
    }
    expect(encodeTopicMessage('x'.repeat(200), { ...message, isBinary: false })).toHaveLength(MAX_TOPIC_HEADER_BYTES);
  });

  it('keeps nothing of the one before', () => {
    const long = encodeTopicMessage('a-long-name', { offset: 9, isBinary: false, data: Buffer.from('long') });
    const short = encodeTopicMessage('b', { offset: 1, isBinary: true, data: Uint8Array.of(7) });
    expect(Buffer.from(long).toString()).toBe('db.9:a-long-namelong');
    expect([...short]).toEqual([2, 1, 1, 0x62, 7]);
  });

  it.each([
    '',
    'd',
    'd1.1',
    'd1.0:a',
    'd1.1:',
    'd01.1:a',
    'd1.01:a',
    'dA.1:aaaaaaaaaa',
    'd2.1:a',
    'd5l.1:' + 'x'.repeat(300),
    'm1.1:a',
    'd_.1:a',
    'd1.-1:a',
  ])('is not %j', (frame) => expect(() => decodeTopicText(frame)).toThrow(ProtocolError));

  it.each([
    '',
    '02',
    '0201',
    '020100',
    '02010061',
    '020201',
    '02020161',
    '0201018041',
    '0201ff01',
    '01010161',
    '02020161c3',
  ])('is not 0x%s', (hex) =>
    expect(() => decodeTopicBinary(new Uint8Array(Buffer.from(hex, 'hex')))).toThrow(ProtocolError),
  );
});

describe('a publish', () => {
  it('of text is read in the middle of a buffer', () => {
    fc.assert(
      fc.property(number, topic, text, fc.nat(9), (ref, name, data, start) => {
        const frame = Buffer.from(encodePublishText(ref, name, data));
        const buffer = Buffer.concat([Buffer.alloc(start, 0x62), frame, Buffer.from('more')]);
        const end = start + frame.length;
        const read = readPublish(buffer, { start, end, isBinary: false });
        expect(read).toMatchObject({ ref, topic: name });
        expect(buffer.toString('utf8', read.payloadAt, end)).toBe(data);
      }),
    );
  });

  it('of bytes is read in the middle of a buffer', () => {
    fc.assert(
      fc.property(number, topic, bytes, fc.nat(9), (ref, name, data, start) => {
        const frame = encodePublishBinary(ref, name, data);
        const buffer = Buffer.concat([Buffer.alloc(start, 3), frame, Buffer.from('more')]);
        const end = start + frame.length;
        const read = readPublish(buffer, { start, end, isBinary: true });
        expect(read).toMatchObject({ ref, topic: name });
        expect([...buffer.subarray(read.payloadAt, end)]).toEqual([...data]);
      }),
    );
  });

  it.each([
    '',
    'b',
    'b1',
    'b1.',
    'b1.1',
    'b1.1:',
    'b1:1:a',
    'b01.1:a',
    'b1.2:a',
    'b1.1:🌍',
    'b1.5l:' + 'x'.repeat(300),
    'm1.1:a',
  ])('is not %j', (frame) => expect(() => publishText(Buffer.from(frame))).toThrow(ProtocolError));

  it.each(['623112e313a80', '62312e313ac3', '62312e323aeda080', '62312e313aff', '62312e313af0'])(
    'is not text that is not UTF-8: 0x%s',
    (hex) => expect(() => publishText(Buffer.from(hex, 'hex'))).toThrow(ProtocolError),
  );

  it.each(['', '03', '0301', '030102', '03010261', '03010180', '030a8001', '01010161'])('is not 0x%s', (hex) => {
    const frame = Buffer.from(hex, 'hex');
    expect(() => readPublish(frame, { start: 0, end: frame.length, isBinary: true })).toThrow(ProtocolError);
  });

  it('may name what is no topic: whoever reads it says so', () => {
    expect(publishText(Buffer.from('b1.0:x'))).toEqual({ ref: 1, topic: '', payloadAt: 5 });
    expect(publishText(Buffer.from('b1.1:\n'))).toMatchObject({ topic: '\n' });
  });
});

it('no kind of a topic is a kind of a session', () => {
  const kinds = [...Object.values(SessionKind), ...Object.values(TopicKind)];
  expect(new Set(kinds).size).toBe(kinds.length);
});

function publishText(frame: Uint8Array): unknown {
  return readPublish(frame, { start: 0, end: frame.length, isBinary: false });
}
