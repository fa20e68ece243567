/**
 * An IP address as the bytes that PROXY headers carry, out of any way to write it. Pure; the other direction is
 * `addressFromBytes`, which writes every address in one way, as limits per address and hashing need it.
 */
import { isIPv4, isIPv6 } from 'node:net';

/** 4 bytes of an IPv4 address, 16 of an IPv6 one (a zone is dropped); undefined for anything else. */
export function addressBytes(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number);
  if (!isIPv6(text)) return undefined;
  const [head = '', tail] = withoutZone(text).split('::');
  const left = groupsOf(head);
  const right = tail === undefined ? [] : groupsOf(tail);
  const bytes = new Uint8Array(16);
  left.forEach((group, index) => put(bytes, index, group));
  right.forEach((group, index) => put(bytes, 8 - right.length + index, group));
  return bytes;
}

function withoutZone(text: string): string {
  const at = text.indexOf('%');
  return at === -1 ? text : text.slice(0, at);
}

/** The last one may be an IPv4 address, which stands for two. */
function groupsOf(part: string): number[] {
  if (part === '') return [];
  return part.split(':').flatMap((group) => {
    if (!group.includes('.')) return [parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [(a << 8) | b, (c << 8) | d];
  });
}

function put(bytes: Uint8Array, index: number, group: number): void {
  bytes[index * 2] = group >> 8;
  bytes[index * 2 + 1] = group & 0xff;
}
