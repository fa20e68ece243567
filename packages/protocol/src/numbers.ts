/**
 * Numbers in data frames: base 36 in text, LEB128 in binary. Read from bytes without an allocation, and only in their
 * one canonical form, so that a frame has one spelling.
 */
import { ProtocolError, unexpected } from './protocol-error.js';

/** Reads numbers one after another from bytes; `at` is where the next one begins. */
export interface NumberCursor {
  at: number;
}

const ZERO = 0x30;
const NINE = 0x39;
const A = 0x61;
const Z = 0x7a;
const MAX_VARINT_BYTES = 8;

/** Reads base-36 digits up to `end` or the first other byte. */
export function readBase36(bytes: Uint8Array, cursor: NumberCursor, end: number): number {
  const start = cursor.at;
  let value = 0;
  let at = start;
  for (; at < end; at += 1) {
    const byte = bytes[at] as number;
    let digit: number;
    if (byte >= ZERO && byte <= NINE) digit = byte - ZERO;
    else if (byte >= A && byte <= Z) digit = byte - A + 10;
    else break;
    value = value * 36 + digit;
    if (value > Number.MAX_SAFE_INTEGER) throw new ProtocolError('number: expected at most 2^53 - 1, got a larger one');
  }
  if (at === start) throw new ProtocolError('number: expected base-36 digits, got none');
  if (bytes[start] === ZERO && at > start + 1) throw new ProtocolError('number: expected no leading zero, got one');
  cursor.at = at;
  return value;
}

export function readVarint(bytes: Uint8Array, cursor: NumberCursor, end: number): number {
  let value = 0;
  let scale = 1;
  for (let read = 1; read <= MAX_VARINT_BYTES && cursor.at < end; read += 1) {
    const byte = bytes[cursor.at] as number;
    cursor.at += 1;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      if ((byte === 0 && read > 1) || value > Number.MAX_SAFE_INTEGER) break;
      return value;
    }
    scale *= 128;
  }
  throw unexpected('varint', 'at most 2^53 - 1 in the fewest bytes', 'something else');
}

/** Writes at `at`; answers where it ended. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value;
  let position = at;
  while (rest >= 0x80) {
    bytes[position] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
    position += 1;
  }
  bytes[position] = rest;
  return position + 1;
}

/** Writes ASCII digits at `at`; answers where they ended. */
export function writeBase36(bytes: Uint8Array, at: number, value: number): number {
  let digits = 1;
  for (let rest = value; rest >= 36; rest = Math.floor(rest / 36)) digits += 1;
  let rest = value;
  for (let position = at + digits - 1; position >= at; position -= 1) {
    const digit = rest % 36;
    bytes[position] = digit < 10 ? ZERO + digit : A + digit - 10;
    rest = Math.floor(rest / 36);
  }
  return at + digits;
}
