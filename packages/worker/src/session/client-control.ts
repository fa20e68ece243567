/** A client's control frame, read once: the body is typed, or the frame is not ours to take and a ProtocolError says why. */
import {
  type ClientCounters,
  type CloseBody,
  decodeControl,
  type Hello,
  MAX_CONTROL_BYTES,
  ProtocolError,
  readAuth,
  readClose,
  readCounters,
  readHello,
} from '@holdfast/protocol';

export type ClientControl =
  | { readonly type: 'hello'; readonly hello: Hello }
  | { readonly type: 'resync'; readonly counters: ClientCounters }
  | { readonly type: 'ping' }
  | { readonly type: 'pong' }
  | { readonly type: 'auth'; readonly auth: string }
  | { readonly type: 'close'; readonly close: CloseBody };

export function readClientControl(bytes: Uint8Array, isBinary: boolean): ClientControl {
  if (isBinary) throw new ProtocolError(`binary frame: expected kind 1, got ${String(bytes[0])}`);
  if (bytes.length > MAX_CONTROL_BYTES) {
    throw new ProtocolError(`control frame: expected at most ${MAX_CONTROL_BYTES} bytes, got ${bytes.length}`);
  }
  const { type, body } = decodeControl(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString());
  switch (type) {
    case 'h':
      return { type: 'hello', hello: readHello(body) };
    case 'y':
      return { type: 'resync', counters: readCounters(body) };
    case 'p':
      return { type: 'ping' };
    case 'q':
      return { type: 'pong' };
    case 'u':
      return { type: 'auth', auth: readAuth(body) };
    case 'c':
      return { type: 'close', close: readClose(body) };
    default:
      throw new ProtocolError(`control frame: expected a kind that clients send, got ${type}`);
  }
}
