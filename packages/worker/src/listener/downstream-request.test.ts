import { describe, expect, it } from 'vitest';
import { requestWith } from '../testing/requests.js';
import { addressFromBytes, hasToken, headerOf, headerValues } from './downstream-request.js';

describe('addressFromBytes', () => {
  it.each([
    ['IPv4', [127, 0, 1, 9], '127.0.1.9'],
    ['IPv4 on a dual-stack socket', [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 1, 2, 3], '10.1.2.3'],
    ['IPv6', [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], '2001:db8:0:0:0:0:0:1'],
  ])('writes %s', (_name, bytes, text) => {
    expect(addressFromBytes(Uint8Array.from(bytes))).toBe(text);
  });
});

describe('headers of a request', () => {
  const request = requestWith({ headers: ['a', '1', 'b', 'x, Y', 'a', '2', 'b', 'z'] });

  it('gives the first value, all values, or none', () => {
    expect(headerOf(request, 'a')).toBe('1');
    expect(headerValues(request, 'a')).toEqual(['1', '2']);
    expect(headerOf(request, 'c')).toBeUndefined();
  });

  it('never takes a value for a name', () => {
    expect(headerOf(requestWith({ headers: ['x', 'host', 'host', 'right'] }), 'host')).toBe('right');
  });

  it('finds tokens in any line of a list, in any case', () => {
    expect([hasToken(request, 'b', 'y'), hasToken(request, 'b', 'z'), hasToken(request, 'b', 'x,')]).toEqual([
      true,
      true,
      false,
    ]);
  });
});
