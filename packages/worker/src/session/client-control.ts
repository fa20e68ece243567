/** A client's control frame, read once: the body is typed, or the frame is not ours to take and a ProtocolError says why. */
import {
  type Body,
  type ClientCounters,
  type CloseBody,
  decodeControl,
  type HeldTopic,
  type Hello,
  MAX_CONTROL_BYTES,
  MAX_HELLO_BYTES,
  PROTOCOL_VERSION,
  ProtocolError,
  readAuth,
  readClose,
  readCounters,
  readHeldTopics,
  readHello,
  SessionKind,
} from '@holdfast/protocol';

export type ClientControl =
  | { readonly type: 'hello'; readonly hello: Hello; readonly held: readonly HeldTopic[] }
  | { readonly type: 'resync'; readonly counters: ClientCounters }
  | { readonly type: 'ping' }
  | { readonly type: 'pong' }
  | { readonly type: 'auth'; readonly auth: string }
  | { readonly type: 'close'; readonly close: CloseBody };

/** What another version's hello holds besides its version is not ours to judge. */
function readHelloFrame(body: Body): ClientControl {
  const hello = readHello(body);
  return { type: 'hello', hello, held: hello.version === PROTOCOL_VERSION ? readHeldTopics(body) : [] };
}

export function readClientControl(bytes: Uint8Array, isBinary: boolean): ClientControl {
  if (isBinary) throw new ProtocolError(`binary frame: expected kind 1, got ${String(bytes[0])}`);
  const maxBytes = bytes[0] === SessionKind.Hello ? MAX_HELLO_BYTES : MAX_CONTROL_BYTES;
  if (bytes.length > maxBytes) {
    throw new ProtocolError(`control frame: expected at most ${maxBytes} bytes, got ${bytes.length}`);
  }
  const { type, body } = decodeControl(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString());
  switch (type) {
    case 'h':
      return readHelloFrame(body);
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
