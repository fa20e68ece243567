/** What an application hands over: checked, copied when it is binary (it is kept for longer than `send` takes), and measured. */
import { ClientError } from './errors.js';

export type Payload = string | Uint8Array<ArrayBuffer>;

export function copyPayload(data: unknown): Payload {
  if (typeof data === 'string') return data;
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
  // Not instanceof: buffers of another frame or test realm have another class.
  const kind = Object.prototype.toString.call(data);
  if (kind === '[object ArrayBuffer]') return new Uint8Array(data as ArrayBuffer).slice();
  throw new ClientError('CLIENT_BAD_DATA', `send: expected a string, an ArrayBuffer or a view of one, got ${kind}`);
}

/** As UTF-8 on the wire. */
export function sizeOf(data: Payload): number {
  if (typeof data !== 'string') return data.length;
  let bytes = data.length;
  for (let i = 0; i < data.length; i += 1) {
    const unit = data.charCodeAt(i);
    if (unit > 0x7f) bytes += 1;
    // Half of a surrogate pair: four bytes for two units.
    if (unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff)) bytes += 1;
  }
  return bytes;
}
