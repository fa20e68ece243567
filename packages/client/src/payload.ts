/** What an application hands over: checked, copied when it is binary (it is kept for longer than `send` takes), and measured. */
import { ClientError, mismatch } from './errors.js';

const encoder = new TextEncoder();

export type Payload = string | Uint8Array<ArrayBuffer>;

export function copyPayload(data: unknown): Payload {
  if (typeof data === 'string') return data;
  // Not instanceof: buffers of another frame or test realm have another class. A buffer has no buffer, and all of it is meant.
  const { buffer, byteOffset, byteLength }: Partial<ArrayBufferView> = Object(data);
  if (byteLength !== undefined) return new Uint8Array((buffer ?? data) as ArrayBuffer, byteOffset, byteLength).slice();
  throw new ClientError('CLIENT_BAD_DATA', mismatch('send', 'a string or bytes', typeof data));
}

/** As UTF-8 on the wire. */
export function sizeOf(data: Payload): number {
  return (typeof data === 'string' ? encoder.encode(data) : data).length;
}
