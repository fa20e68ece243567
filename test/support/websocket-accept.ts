/** The answer that RFC 6455 §4.2.2 asks for: proof that the key was read. */
import { createHash } from 'node:crypto';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

function acceptFor(key: string): string {
  return createHash('sha1')
    .update(key + GUID)
    .digest('base64');
}

/** A 101 by hand; further header lines without line ends. */
export function switchingProtocols(key: string, headers: readonly string[] = []): string {
  const fixed = ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${acceptFor(key)}`];
  return ['HTTP/1.1 101 Switching Protocols', ...fixed, ...headers, '', ''].join('\r\n');
}
