/**
 * Application messages between JavaScript and bytes. Text stays a string for as long as it is kept, and is written straight
 * into the batch that it leaves in. By the runtime: a loop over the characters was measured and is never faster, not even
 * for sixteen of them.
 */

export type Payload = string | Uint8Array;

/** Up to here reserving too much is cheaper than measuring. */
const MEASURED_CHARACTERS = 1024;
/** UTF-8 of one UTF-16 unit takes 3 bytes at most. */
const MAX_BYTES_PER_UNIT = 3;

export function byteLengthOf(data: Payload): number {
  return typeof data === 'string' ? Buffer.byteLength(data) : data.length;
}

/** Never less than what `writePayload` writes, and cheap. */
export function maxBytesOf(data: Payload): number {
  if (typeof data !== 'string') return data.length;
  return data.length <= MEASURED_CHARACTERS ? data.length * MAX_BYTES_PER_UNIT : Buffer.byteLength(data);
}

/** Writes at `at`; answers where it ended. */
export function writePayload(bytes: Buffer, at: number, data: Payload): number {
  if (typeof data === 'string') return at + bytes.write(data, at);
  bytes.set(data, at);
  return at + data.length;
}

/** A copy: one small message must not hold on to the batch that it came in. */
export function readPayload(
  bytes: Buffer,
  range: { readonly start: number; readonly end: number; readonly isBinary: boolean },
): Payload {
  if (!range.isBinary) return bytes.toString('utf8', range.start, range.end);
  return new Uint8Array(bytes.subarray(range.start, range.end));
}

export function bytesOf(data: Payload): Uint8Array {
  return typeof data === 'string' ? Buffer.from(data) : data;
}

export function payloadOf(data: Uint8Array, isBinary: boolean): Payload {
  return isBinary ? data : Buffer.from(data.buffer, data.byteOffset, data.length).toString();
}
