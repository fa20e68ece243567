/**
 * Messages of topics (PROTOCOL.md, part 3): a worker to its clients, and a client that publishes. Like data frames they exist
 * as strings, for browsers, and as bytes, for workers. A worker encodes a message once and sends the same bytes to all who
 * hear the topic. The name stands in front of the payload, and its length in front of the name: names may hold anything
 * that a separator could be. In text the length counts UTF-16 units, since JavaScript cuts strings there.
 */
import { MAX_TOPIC_BYTES, MAX_TOPIC_HEADER_BYTES } from './limits.js';
import { type NumberCursor, readBase36, readVarint, writeBase36, writeVarint } from './numbers.js';
import { ProtocolError, unexpected } from './protocol-error.js';

/** First byte of the frames of topics; JSON behind those that have one is described in topic-control.ts. */
export const TopicKind = {
  /** A message of a topic, from a worker. */
  Text: 0x64,
  Binary: 0x02,
  /** Asked for, and answered. */
  Subscribe: 0x73,
  Unsubscribe: 0x78,
  Lagging: 0x6c,
  /** A message for a topic, from a client. */
  PublishText: 0x62,
  PublishBinary: 0x03,
  History: 0x69,
  /** Asked for by clients; events from workers. */
  Presence: 0x6b,
  Result: 0x7a,
} as const;

export interface TopicFrame {
  readonly topic: string;
  readonly offset: number;
  readonly data: string | Uint8Array<ArrayBuffer>;
}

export interface OutgoingTopicMessage {
  readonly offset: number;
  readonly isBinary: boolean;
  /** UTF-8, unless it is binary. */
  readonly data: Uint8Array;
}

/** A client's publish. The message is `bytes[payloadAt, end)` of what was read. */
export interface Publish {
  readonly ref: number;
  /** At most MAX_TOPIC_BYTES long; whether it is a name is for the reader to say. */
  readonly topic: string;
  readonly payloadAt: number;
}

const COLON = 0x3a;
const DOT = 0x2e;
const cursor: NumberCursor = { at: 0 };
const head = new Uint8Array(MAX_TOPIC_HEADER_BYTES);
/** A name whose length has to be known before it is written. */
const name = new Uint8Array(MAX_TOPIC_BYTES);
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** Two numbers, of which one is at most MAX_TOPIC_BYTES; only the head is looked at, however long the frame. */
const TEXT_HEAD = /^d(\w{1,2})\.(\w{1,11}):/;

// Bytes, for workers.

/** The whole frame: the same bytes for everybody. `topic` is a name. */
export function encodeTopicMessage(topic: string, message: OutgoingTopicMessage): Uint8Array<ArrayBuffer> {
  const { offset, isBinary, data } = message;
  const length = isBinary ? writeBinaryHead(topic, offset) : writeTextHead(topic, offset);
  return withPayload(length, data);
}

/** Reads the head of a publish in `bytes[start, end)`. */
export function readPublish(
  bytes: Uint8Array,
  { start, end, isBinary }: { readonly start: number; readonly end: number; readonly isBinary: boolean },
): Publish {
  const kind = start < end ? bytes[start] : undefined;
  if (kind !== (isBinary ? TopicKind.PublishBinary : TopicKind.PublishText)) {
    throw unexpected('publish', 'kind b or 0x03', kind);
  }
  cursor.at = start + 1;
  const ref = isBinary ? readVarint(bytes, cursor, end) : readBase36(bytes, cursor, end);
  if (!isBinary) expectByte(bytes, end, DOT);
  const length = expectLength(isBinary ? readVarint(bytes, cursor, end) : readBase36(bytes, cursor, end));
  if (!isBinary) expectByte(bytes, end, COLON);
  const payloadAt = isBinary ? cursor.at + length : endOfUnits(bytes, { start: cursor.at, end }, length);
  if (payloadAt > end) throw unexpected('publish', `a topic of ${length}`, end - cursor.at);
  return { ref, topic: decodeTopic(bytes.subarray(cursor.at, payloadAt)), payloadAt };
}

function writeTextHead(topic: string, offset: number): number {
  head[0] = TopicKind.Text;
  const dotAt = writeBase36(head, 1, topic.length);
  head[dotAt] = DOT;
  const colonAt = writeBase36(head, dotAt + 1, offset);
  head[colonAt] = COLON;
  return colonAt + 1 + encoder.encodeInto(topic, head.subarray(colonAt + 1)).written;
}

function writeBinaryHead(topic: string, offset: number): number {
  const { written } = encoder.encodeInto(topic, name);
  head[0] = TopicKind.Binary;
  const nameAt = writeVarint(head, writeVarint(head, 1, written), offset);
  return writeName(nameAt, written);
}

/** Byte by byte: names are short. */
function writeName(at: number, bytes: number): number {
  for (let i = 0; i < bytes; i += 1) head[at + i] = name[i] as number;
  return at + bytes;
}

function withPayload(headLength: number, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(headLength + data.length);
  frame.set(head.subarray(0, headLength));
  frame.set(data, headLength);
  return frame;
}

/** Where so many UTF-16 units of UTF-8 end. What is not UTF-8 is found when it is decoded. */
function endOfUnits(bytes: Uint8Array, range: { readonly start: number; readonly end: number }, units: number): number {
  let at = range.start;
  let left = units;
  while (left > 0 && at < range.end) {
    const byte = bytes[at] as number;
    at += byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    left -= byte < 0xf0 ? 1 : 2;
  }
  if (left === 0 && at <= range.end) return at;
  throw unexpected('publish', `a topic of ${units} UTF-16 units`, 'another one');
}

// Strings and whole messages, for clients.

/** A text message that begins with `d`. */
export function decodeTopicText(text: string): TopicFrame {
  const [found, length, offset] = TEXT_HEAD.exec(text) ?? [];
  if (found === undefined) throw unexpected('frame', 'd<length>.<offset>:', text);
  const payloadAt = found.length + expectLength(parseBase36(length));
  if (payloadAt > text.length) throw unexpected('topic', `${payloadAt - found.length} characters`, text);
  const topic = text.slice(found.length, payloadAt);
  return { topic, offset: expectOffset(parseBase36(offset)), data: text.slice(payloadAt) };
}

/** A binary message that begins with 2. */
export function decodeTopicBinary(bytes: Uint8Array<ArrayBuffer>): TopicFrame {
  if (bytes[0] !== TopicKind.Binary) throw unexpected('frame', 'kind 0x02', bytes[0]);
  cursor.at = 1;
  const length = expectLength(readVarint(bytes, cursor, bytes.length));
  const offset = expectOffset(readVarint(bytes, cursor, bytes.length));
  const payloadAt = cursor.at + length;
  if (payloadAt > bytes.length) throw unexpected('topic', `${length} bytes`, bytes.length - cursor.at);
  return { topic: decodeTopic(bytes.subarray(cursor.at, payloadAt)), offset, data: bytes.subarray(payloadAt) };
}

export function encodePublishText(ref: number, topic: string, payload: string): string {
  return `b${ref.toString(36)}.${topic.length.toString(36)}:${topic}${payload}`;
}

export function encodePublishBinary(ref: number, topic: string, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const { written } = encoder.encodeInto(topic, name);
  head[0] = TopicKind.PublishBinary;
  const nameAt = writeVarint(head, writeVarint(head, 1, ref), written);
  return withPayload(writeName(nameAt, written), payload);
}

// Parts.

function decodeTopic(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw unexpected('topic', 'UTF-8', 'something else');
  }
}

function parseBase36(digits: string | undefined): number {
  const value = Number.parseInt(digits ?? '', 36);
  // Written again it must be the same: no leading zero, no capital.
  if (Number.isSafeInteger(value) && value.toString(36) === digits) return value;
  throw unexpected('number', 'base 36 up to 2^53 - 1', digits);
}

function expectLength(length: number): number {
  if (length <= MAX_TOPIC_BYTES) return length;
  throw unexpected('topic', `a length of at most ${MAX_TOPIC_BYTES}`, length);
}

function expectOffset(offset: number): number {
  if (offset > 0) return offset;
  throw unexpected('offset', '1 or more', offset);
}

function expectByte(bytes: Uint8Array, end: number, expected: number): void {
  if (cursor.at >= end || bytes[cursor.at] !== expected) {
    throw new ProtocolError(`publish: expected ${String.fromCharCode(expected)} after a number, got something else`);
  }
  cursor.at += 1;
}
