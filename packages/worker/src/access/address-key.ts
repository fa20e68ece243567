/**
 * Whom a limit per address counts as one. An IPv6 customer is given a network, not an address, and a program takes another
 * address of it for each connection: limits per single address would stop nobody. Pure.
 */
import { addressFromBytes } from '../listener/downstream-request.js';
import { addressBytes } from '../proxy-protocol/address-bytes.js';

/** An IPv4 address as it is, mapped into IPv6 or not; of an IPv6 address the network of so many bits. */
export function addressKey(address: string, ipv6Prefix: number): string {
  if (!address.includes(':')) return address;
  const bytes = addressBytes(address);
  if (bytes === undefined) return address;
  const whole = addressFromBytes(bytes);
  if (!whole.includes(':') || ipv6Prefix >= 128) return whole;
  for (let index = 0; index < bytes.length; index += 1) {
    const kept = Math.min(8, Math.max(0, ipv6Prefix - index * 8));
    bytes[index] = (bytes[index] ?? 0) & (0xff00 >> kept);
  }
  return `${addressFromBytes(bytes)}/${ipv6Prefix}`;
}
