/**
 * The unacknowledged tail of a session and the JSON in front of it, as `open`, `handoff` and `park` carry them:
 * length of the JSON u32, the JSON, then entries [n u64][isBinary u8][length u32][data].
 */
import { asObject } from './session-control.js';
import { ProtocolError } from './protocol-error.js';
import { readU32, writeU32 } from './trunk-frame.js';

export interface TailEntry {
  readonly n: number;
  readonly isBinary: boolean;
  readonly data: Uint8Array;
}

const ENTRY_HEAD_BYTES = 13;

export function encodeWithTail(json: object, tail: readonly TailEntry[]): Uint8Array<ArrayBuffer> {
  const head = new TextEncoder().encode(JSON.stringify(json));
  const bytes = new Uint8Array(tail.reduce((sum, { data }) => sum + ENTRY_HEAD_BYTES + data.length, 4 + head.length));
  writeU32(bytes, 0, head.length);
  bytes.set(head, 4);
  let at = 4 + head.length;
  for (const { n, isBinary, data } of tail) {
    writeU32(bytes, at, Math.floor(n / 0x100000000));
    writeU32(bytes, at + 4, n % 0x100000000);
    bytes[at + 8] = isBinary ? 1 : 0;
    writeU32(bytes, at + 9, data.length);
    bytes.set(data, at + ENTRY_HEAD_BYTES);
    at += ENTRY_HEAD_BYTES + data.length;
  }
  return bytes;
}

/** Entries are copies: `bytes` may be reused afterwards. Numbers must rise by one from entry to entry. */
export function decodeWithTail(bytes: Uint8Array): {
  readonly json: Readonly<Record<string, unknown>>;
  readonly tail: readonly TailEntry[];
} {
  if (bytes.length < 4) throw new ProtocolError(`expected the length of a JSON text, got ${bytes.length} bytes`);
  const jsonEnd = 4 + readU32(bytes, 0);
  if (jsonEnd > bytes.length) throw new ProtocolError(`expected ${jsonEnd - 4} bytes of JSON, got ${bytes.length - 4}`);
  const json = decodeJson(bytes.subarray(4, jsonEnd));
  const tail: TailEntry[] = [];
  let at = jsonEnd;
  while (at < bytes.length) {
    const entry = readEntry(bytes, at);
    const previous = tail.at(-1);
    if (entry.n < 1 || (previous !== undefined && entry.n !== previous.n + 1)) {
      throw new ProtocolError(`tail: expected ${(previous?.n ?? 0) + 1}, got ${entry.n}`);
    }
    tail.push(entry);
    at += ENTRY_HEAD_BYTES + entry.data.length;
  }
  return { json, tail };
}

function readEntry(bytes: Uint8Array, at: number): TailEntry {
  const left = bytes.length - at;
  if (left < ENTRY_HEAD_BYTES) throw new ProtocolError(`tail: expected an entry's head of 13 bytes, got ${left}`);
  const n = readU32(bytes, at) * 0x100000000 + readU32(bytes, at + 4);
  if (!Number.isSafeInteger(n)) throw new ProtocolError('tail: expected a number up to 2^53 - 1, got a larger one');
  const isBinary = bytes[at + 8] as number;
  if (isBinary > 1) throw new ProtocolError(`tail: expected isBinary 0 or 1, got ${isBinary}`);
  const length = readU32(bytes, at + 9);
  const start = at + ENTRY_HEAD_BYTES;
  if (length > left - ENTRY_HEAD_BYTES) {
    throw new ProtocolError(`tail: expected an entry of ${length} bytes, got ${left - ENTRY_HEAD_BYTES}`);
  }
  // Not bytes.slice: a Buffer's does not copy.
  return { n, isBinary: isBinary === 1, data: new Uint8Array(bytes.subarray(start, start + length)) };
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The body of a JSON frame on a trunk: an object, or a ProtocolError. */
export function decodeJson(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch {
    throw new ProtocolError(`expected JSON, got ${bytes.length} bytes of something else`);
  }
  return asObject(value, 'body');
}

export function encodeJson(body: object): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(body));
}
