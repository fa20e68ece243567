/**
 * Frames of `holdfast.v1` (PROTOCOL.md, part 1). Data frames and acks exist in two encodings of the same thing: strings,
 * which is what a browser's WebSocket gives and takes, and bytes, which is what a trunk carries; workers look at the
 * first byte alone. Control frames are a kind character and JSON, described in session-control.ts.
 */
import { MAX_DATA_HEADER_BYTES } from './limits.js';
import { type NumberCursor, readBase36, readVarint, writeBase36, writeVarint } from './numbers.js';
import { ProtocolError, unexpected } from './protocol-error.js';
import { asObject } from './session-control.js';

/** `SessionKind.Binary`, by itself: clients need not carry the table for it. */
const BINARY = 0x01;

/** First byte of a frame: character code of its kind, or 1 for binary data. */
export const SessionKind = {
  Text: 0x6d,
  Binary: 0x01,
  Ack: 0x61,
  Hello: 0x68,
  Welcome: 0x77,
  Rehomed: 0x72,
  Resync: 0x79,
  GoAway: 0x67,
  Ping: 0x70,
  Pong: 0x71,
  Token: 0x74,
  Auth: 0x75,
  Close: 0x63,
} as const;

/** Does this text frame pass between the ends of a session, unread by workers? */
export function isEndToEnd(kind: number | undefined): boolean {
  return kind === SessionKind.Text || kind === SessionKind.Ack;
}

/** Numbers of a data frame or an ack, read in place. `n` is 0 for an ack, which has no number of its own. */
export interface DataHeader {
  n: number;
  ack: number;
  /** Where the payload begins; the end of the frame for an ack. */
  payloadAt: number;
}

const COLON = 0x3a;
const DOT = 0x2e;
const cursor: NumberCursor = { at: 0 };
const head = new Uint8Array(MAX_DATA_HEADER_BYTES);
/** Kinds of the control frames. */
const CONTROL = 'hwrygpqtucsxlikz';
/** Only the head is looked at, however long the frame. */
const TEXT_HEAD = /^m(\w{1,11})\.(\w{1,11}):/;

// Bytes.

/** Reads the head of a data frame or ack in `bytes[start, end)` into `header`. */
export function readDataHeader(
  bytes: Uint8Array,
  range: { readonly start: number; readonly end: number; readonly isBinary: boolean },
  header: DataHeader,
): void {
  const { start, end, isBinary } = range;
  const kind = start < end ? bytes[start] : undefined;
  cursor.at = start + 1;
  if (isBinary && kind === SessionKind.Binary) {
    header.n = positive(readVarint(bytes, cursor, end));
    header.ack = readVarint(bytes, cursor, end);
    header.payloadAt = cursor.at;
  } else if (!isBinary && kind === SessionKind.Text) {
    header.n = positive(readBase36(bytes, cursor, end));
    expectByte(bytes, end, DOT);
    header.ack = readBase36(bytes, cursor, end);
    expectByte(bytes, end, COLON);
    header.payloadAt = cursor.at;
  } else if (!isBinary && kind === SessionKind.Ack) {
    header.n = 0;
    header.ack = readBase36(bytes, cursor, end);
    if (cursor.at !== end) throw new ProtocolError('ack: expected its number alone, got more');
    header.payloadAt = end;
  } else {
    throw new ProtocolError(`data frame: expected kind m, a or 0x01, got ${String(kind)}`);
  }
}

/** Writes the head of a text data frame at `at`; answers where its payload goes. Needs MAX_DATA_HEADER_BYTES. */
export function writeTextHeader(bytes: Uint8Array, at: number, n: number, ack: number): number {
  bytes[at] = SessionKind.Text;
  const afterN = writeBase36(bytes, at + 1, n);
  bytes[afterN] = DOT;
  const afterAck = writeBase36(bytes, afterN + 1, ack);
  bytes[afterAck] = COLON;
  return afterAck + 1;
}

/** Writes the head of a binary data frame at `at`; answers where its payload goes. Needs MAX_DATA_HEADER_BYTES. */
export function writeBinaryHeader(bytes: Uint8Array, at: number, n: number, ack: number): number {
  bytes[at] = BINARY;
  return writeVarint(bytes, writeVarint(bytes, at + 1, n), ack);
}

/** Writes an ack frame at `at`; answers where it ended. */
export function writeAck(bytes: Uint8Array, at: number, ack: number): number {
  bytes[at] = SessionKind.Ack;
  return writeBase36(bytes, at + 1, ack);
}

// Strings and whole messages, for clients.

export function encodeText(n: number, ack: number, payload: string): string {
  return `m${n.toString(36)}.${ack.toString(36)}:${payload}`;
}

export function encodeBinary(n: number, ack: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const length = writeBinaryHeader(head, 0, n, ack);
  const frame = new Uint8Array(length + payload.length);
  frame.set(head.subarray(0, length));
  frame.set(payload, length);
  return frame;
}

export function encodeAck(ack: number): string {
  return `a${ack.toString(36)}`;
}

export type ClientFrame =
  | { readonly kind: 'text'; readonly n: number; readonly ack: number; readonly data: string }
  | { readonly kind: 'binary'; readonly n: number; readonly ack: number; readonly data: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'ack'; readonly ack: number }
  /** `body` is what JSON.parse gave: an object, its fields unchecked. */
  | { readonly kind: 'control'; readonly type: string; readonly body: Readonly<Record<string, unknown>> };

/** Any message that a client received: a value, or a ProtocolError. */
export function decodeClientFrame(data: string | ArrayBuffer): ClientFrame {
  if (typeof data !== 'string') return decodeBinary(new Uint8Array(data));
  if (data[0] === 'm') return decodeText(data);
  if (data[0] === 'a') return { kind: 'ack', ack: parseBase36(data.slice(1), 0) };
  return decodeControl(data);
}

/** A control frame as text: its kind, one of those above, and the object behind it. */
export function decodeControl(text: string): Extract<ClientFrame, { kind: 'control' }> {
  const type = text[0] ?? '';
  if (!CONTROL.includes(type)) throw unexpected('frame', 'a known kind', type);
  let body: unknown;
  try {
    body = JSON.parse(text.slice(1));
  } catch {
    body = text;
  }
  return { kind: 'control', type, body: asObject(body, 'frame') };
}

function decodeText(text: string): ClientFrame {
  const [head, n, ack] = TEXT_HEAD.exec(text) ?? [];
  if (head === undefined) throw unexpected('frame', 'm<n>.<ack>:', text);
  return { kind: 'text', n: parseBase36(n, 1), ack: parseBase36(ack, 0), data: text.slice(head.length) };
}

function decodeBinary(bytes: Uint8Array<ArrayBuffer>): ClientFrame {
  // Not through readDataHeader: clients would carry its reading of text from bytes, which they never need.
  if (bytes[0] !== BINARY) throw unexpected('frame', 'kind 0x01', bytes[0]);
  cursor.at = 1;
  const n = positive(readVarint(bytes, cursor, bytes.length));
  const ack = readVarint(bytes, cursor, bytes.length);
  return { kind: 'binary', n, ack, data: bytes.subarray(cursor.at) };
}

function parseBase36(digits: string | undefined, least: number): number {
  const value = Number.parseInt(digits ?? '', 36);
  // Written again it must be the same: no leading zero, no capital, nothing behind it.
  if (value >= least && Number.isSafeInteger(value) && value.toString(36) === digits) return value;
  throw unexpected('number', `base 36, ${least} to 2^53 - 1`, digits);
}

function positive(n: number): number {
  if (n === 0) throw unexpected('number', '1 or more', n);
  return n;
}

function expectByte(bytes: Uint8Array, end: number, expected: number): void {
  if (cursor.at >= end || bytes[cursor.at] !== expected) {
    throw new ProtocolError(`text frame: expected ${String.fromCharCode(expected)} after a number, got something else`);
  }
  cursor.at += 1;
}
