import { describe, expect, it } from 'vitest';
import { requestWith } from '../testing/requests.js';
import { ProxyTrust } from './trust.js';

const FORWARDED = ['host', 'inner', 'x-forwarded-proto', 'https', 'x-forwarded-host', 'outer'];

describe('ProxyTrust', () => {
  it('believes nobody by default', () => {
    const request = requestWith({ headers: [...FORWARDED, 'x-forwarded-for', '203.0.113.9'] });
    expect(new ProxyTrust([]).clientOf(request)).toEqual({
      address: '192.0.2.1',
      isForwarded: false,
      proto: 'http',
      host: 'inner',
    });
  });

  it('believes a trusted peer', () => {
    const request = requestWith({ headers: [...FORWARDED, 'x-forwarded-for', '203.0.113.9'] });
    expect(new ProxyTrust(['192.0.2.0/24']).clientOf(request)).toEqual({
      address: '203.0.113.9',
      isForwarded: true,
      proto: 'https',
      host: 'outer',
    });
  });

  it.each([
    ['the left is the client’s to forge', '6.6.6.6, 203.0.113.9, 192.0.2.7', '203.0.113.9'],
    ['ports are left out', '203.0.113.9:1234', '203.0.113.9'],
    ['IPv6 in brackets', '[2001:db8::1]:443', '2001:db8::1'],
    ['nonsense ends the walk', '203.0.113.9, unknown', '192.0.2.1'],
    ['all trusted: the leftmost', '192.0.2.8, 192.0.2.9', '192.0.2.8'],
    ['empty', '', '192.0.2.1'],
  ])('reads X-Forwarded-For from the right: %s', (_name, chain, address) => {
    const request = requestWith({ headers: ['host', 'a', 'x-forwarded-for', chain] });
    expect(new ProxyTrust(['192.0.2.0/24']).clientOf(request).address).toBe(address);
  });

  it('joins several X-Forwarded-For lines', () => {
    const headers = ['host', 'a', 'x-forwarded-for', '203.0.113.9', 'x-forwarded-for', '192.0.2.9'];
    expect(new ProxyTrust(['192.0.2.0/24']).clientOf(requestWith({ headers })).address).toBe('203.0.113.9');
  });

  it('trusts single addresses and IPv6 blocks', () => {
    const trust = new ProxyTrust(['192.0.2.1', '2001:db8::/32']);
    expect(['192.0.2.1', '192.0.2.2', '2001:db8::5', '::1', 'nonsense'].map((a) => trust.isTrusted(a))).toEqual([
      true,
      false,
      true,
      false,
      false,
    ]);
  });
});
