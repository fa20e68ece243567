/**
 * Writes a PROXY header of version 2, the one that Holdfast sends: binary, so that a backend parses nothing. Pure.
 */
import { addressBytes } from './address-bytes.js';
import { V2_SIGNATURE, type ProxiedPair, type SocketAddress } from './header.js';

/** The connection is ours, such as that of a health check: nobody is spoken for. */
export const LOCAL_HEADER: Uint8Array = Buffer.concat([V2_SIGNATURE, Buffer.from([0x20, 0x00, 0x00, 0x00])]);

/** LOCAL, when the client's address is none that a header could carry. */
export function proxyHeader({ client, destination }: ProxiedPair): Uint8Array {
  const from = addressBytes(client.address);
  if (from === undefined) return LOCAL_HEADER;
  const to = addressBytes(destination.address) ?? new Uint8Array(from.length);
  // Both have to be of one family: an IPv4 address has a form in IPv6 (RFC 4291 §2.5.5.2), not the other way round.
  const isIPv4 = from.length === 4 && to.length === 4;
  const addresses = isIPv4 ? [from, to] : [inIPv6(from), inIPv6(to)];
  const block = Buffer.concat([...addresses, portBytes(client), portBytes(destination)]);
  const fixed = Buffer.from([0x21, isIPv4 ? 0x11 : 0x21, 0x00, block.length]);
  return Buffer.concat([V2_SIGNATURE, fixed, block]);
}

function inIPv6(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 16) return bytes;
  return Buffer.concat([Buffer.from('00000000000000000000ffff', 'hex'), bytes]);
}

function portBytes({ port }: SocketAddress): Uint8Array {
  return Uint8Array.of(port >> 8, port & 0xff);
}
