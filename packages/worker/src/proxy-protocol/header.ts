/**
 * Reads a PROXY header, version 1 or 2 (haproxy.org, "The PROXY protocol"), off the beginning of a connection. Pure: asked
 * again with more bytes until it knows. What the sender says of itself (LOCAL, UNKNOWN) and of sockets that are not TCP over
 * IP names no client: then the peer speaks for itself, as in HAProxy. TLVs of version 2 are skipped.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { addressFromBytes } from '../listener/downstream-request.js';
import { addressBytes } from './address-bytes.js';

export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

/** Whose connection it is, and where that client had connected to. */
export interface ProxiedPair {
  readonly client: SocketAddress;
  readonly destination: SocketAddress;
}

export type ProxyHeader =
  /** Something else, whatever follows. */
  | { readonly name: 'absent' }
  /** Too short to know. `isCertain`: it is a header, of which the rest is missing. */
  | { readonly name: 'incomplete'; readonly isCertain: boolean }
  | { readonly name: 'malformed'; readonly detail: string }
  /** `length`: bytes that it takes. Without a pair, it is the peer's own connection. */
  | { readonly name: 'whole'; readonly length: number; readonly pair: ProxiedPair | undefined };

/** What every receiver has to take (version 2, §2.2): more is not waited for. */
export const MAX_HEADER_BYTES = 536;
/** With its line end (version 1, §2.1). */
const MAX_V1_BYTES = 107;
const V1_PREFIX = Buffer.from('PROXY ', 'latin1');
export const V2_SIGNATURE: Buffer = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const V2_FIXED_BYTES = 16;
const LF = 0x0a;

export function readProxyHeader(bytes: Uint8Array): ProxyHeader {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (startsLike(data, V2_SIGNATURE)) return readV2(data);
  if (startsLike(data, V1_PREFIX)) return readV1(data);
  return { name: 'absent' };
}

/** As far as there are bytes. */
function startsLike(data: Buffer, prefix: Buffer): boolean {
  const length = Math.min(data.length, prefix.length);
  return data.compare(prefix, 0, length, 0, length) === 0;
}

function readV1(data: Buffer): ProxyHeader {
  const end = data.subarray(0, MAX_V1_BYTES).indexOf(LF);
  if (end === -1) {
    if (data.length < MAX_V1_BYTES) return { name: 'incomplete', isCertain: data.length >= V1_PREFIX.length };
    return malformed(`expected a line of at most ${MAX_V1_BYTES} bytes`);
  }
  const line = data.toString('latin1', 0, end + 1);
  if (!line.endsWith('\r\n')) return malformed('expected CR LF at its end');
  const [, protocol = '', ...fields] = line.slice(0, -2).split(' ');
  if (protocol === 'UNKNOWN') return { name: 'whole', length: end + 1, pair: undefined };
  const pair = pairOfLine(protocol, fields);
  return pair === undefined
    ? malformed('expected TCP4 or TCP6, two addresses of it and two ports, or UNKNOWN')
    : { name: 'whole', length: end + 1, pair };
}

function pairOfLine(protocol: string, fields: readonly string[]): ProxiedPair | undefined {
  const isAddress = protocol === 'TCP4' ? isIPv4 : protocol === 'TCP6' ? isIPv6 : undefined;
  const [from = '', to = '', fromPort = '', toPort = ''] = fields;
  if (isAddress === undefined || fields.length !== 4 || !isAddress(from) || !isAddress(to)) return undefined;
  if (!isPort(fromPort) || !isPort(toPort)) return undefined;
  return {
    client: { address: normalized(from), port: Number(fromPort) },
    destination: { address: normalized(to), port: Number(toPort) },
  };
}

/** Leading zeroes are not allowed. */
function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}

export function normalized(address: string): string {
  const bytes = addressBytes(address);
  return bytes === undefined ? address : addressFromBytes(bytes);
}

function readV2(data: Buffer): ProxyHeader {
  if (data.length < V2_FIXED_BYTES) return { name: 'incomplete', isCertain: data.length >= V2_SIGNATURE.length };
  const versionAndCommand = data.readUInt8(12);
  const length = V2_FIXED_BYTES + data.readUInt16BE(14);
  if (versionAndCommand !== 0x20 && versionAndCommand !== 0x21) {
    return malformed(`expected version 2 with LOCAL or PROXY, got 0x${versionAndCommand.toString(16)}`);
  }
  if (length > MAX_HEADER_BYTES) return malformed(`expected at most ${MAX_HEADER_BYTES} bytes, got ${length}`);
  const family = data.readUInt8(13);
  const addressLength = ADDRESS_BYTES.get(family);
  const isLocal = versionAndCommand === 0x20;
  if (!isLocal && addressLength === undefined)
    return malformed(`expected a known family, got 0x${family.toString(16)}`);
  if (!isLocal && length < V2_FIXED_BYTES + (addressLength ?? 0)) {
    return malformed(`expected the addresses of family 0x${family.toString(16)}, got ${length} bytes in all`);
  }
  if (data.length < length) return { name: 'incomplete', isCertain: true };
  return { name: 'whole', length, pair: isLocal ? undefined : pairOfBlock(family, data.subarray(V2_FIXED_BYTES)) };
}

const TCP4 = 0x11;
const TCP6 = 0x21;
/** By family and transport: none, TCP and UDP over IPv4, over IPv6, stream and datagram of Unix sockets. */
const ADDRESS_BYTES: ReadonlyMap<number, number> = new Map([
  [0x00, 0],
  [TCP4, 12],
  [0x12, 12],
  [TCP6, 36],
  [0x22, 36],
  [0x31, 216],
  [0x32, 216],
]);

function pairOfBlock(family: number, block: Buffer): ProxiedPair | undefined {
  if (family !== TCP4 && family !== TCP6) return undefined;
  const size = family === TCP4 ? 4 : 16;
  return {
    client: { address: addressFromBytes(block.subarray(0, size)), port: block.readUInt16BE(size * 2) },
    destination: { address: addressFromBytes(block.subarray(size, size * 2)), port: block.readUInt16BE(size * 2 + 2) },
  };
}

function malformed(detail: string): ProxyHeader {
  return { name: 'malformed', detail };
}
