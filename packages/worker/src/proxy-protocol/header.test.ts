import { isIP } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressFromBytes } from '../listener/downstream-request.js';
import { addressBytes } from './address-bytes.js';
import { MAX_HEADER_BYTES, readProxyHeader, V2_SIGNATURE, type ProxiedPair, type ProxyHeader } from './header.js';
import { LOCAL_HEADER, proxyHeader } from './write-header.js';

const V4: ProxiedPair = {
  client: { address: '203.0.113.9', port: 4660 },
  destination: { address: '127.0.0.1', port: 443 },
};

function v1(line: string): ProxyHeader {
  return readProxyHeader(Buffer.from(line, 'latin1'));
}

/** Version 2 with these fixed fields and whatever follows. */
function v2(versionAndCommand: number, family: number, rest: Uint8Array): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(rest.length);
  return Buffer.concat([V2_SIGNATURE, Buffer.of(versionAndCommand, family), length, rest]);
}

describe('a PROXY header of version 1', () => {
  it('names client and destination', () => {
    const line = 'PROXY TCP4 203.0.113.9 127.0.0.1 4660 443\r\n';
    expect(v1(`${line}GET / HTTP/1.1`)).toEqual({ name: 'whole', length: line.length, pair: V4 });
  });

  it('has its addresses written as those of connections are', () => {
    expect(v1('PROXY TCP6 2001:db8::1 ::ffff:10.0.0.1 1 2\r\n')).toMatchObject({
      pair: { client: { address: '2001:db8:0:0:0:0:0:1' }, destination: { address: '10.0.0.1' } },
    });
  });

  it('names nobody when it is UNKNOWN', () => {
    expect(v1('PROXY UNKNOWN\r\n')).toEqual({ name: 'whole', length: 15, pair: undefined });
    expect(v1('PROXY UNKNOWN ffff:: ffff:: 65535 65535\r\n')).toMatchObject({ name: 'whole', pair: undefined });
  });

  it.each([
    'PROXY TCP4 203.0.113.9 127.0.0.1 4660\r\n',
    'PROXY TCP4 203.0.113.9 127.0.0.1 4660 443 1\r\n',
    'PROXY TCP4 203.0.113.9 127.0.0.1 4660 65536\r\n',
    'PROXY TCP4 203.0.113.9 127.0.0.1 04660 443\r\n',
    'PROXY TCP4 203.0.113.9  127.0.0.1 4660 443\r\n',
    'PROXY TCP4 2001:db8::1 ::1 4660 443\r\n',
    'PROXY TCP6 203.0.113.9 127.0.0.1 4660 443\r\n',
    'PROXY TCP4 a.test 127.0.0.1 4660 443\r\n',
    'PROXY UDP4 203.0.113.9 127.0.0.1 4660 443\r\n',
    'PROXY TCP4 203.0.113.9 127.0.0.1 4660 443\n',
    `PROXY UNKNOWN ${'x'.repeat(200)}\r\n`,
    `PROXY ${'x'.repeat(101)}`,
  ])('is malformed: %j', (line) => {
    expect(v1(line).name).toBe('malformed');
  });
});

describe('a PROXY header of version 2', () => {
  it('is skipped with all that is in it beyond the addresses', () => {
    const addresses = proxyHeader(V4).subarray(16);
    const bytes = v2(0x21, 0x11, Buffer.concat([addresses, Buffer.from('040003616263', 'hex')]));
    expect(readProxyHeader(Buffer.concat([bytes, Buffer.from('GET')]))).toEqual({
      name: 'whole',
      length: bytes.length,
      pair: V4,
    });
  });

  it.each([
    ['LOCAL', LOCAL_HEADER],
    ['LOCAL with addresses', v2(0x20, 0x11, proxyHeader(V4).subarray(16))],
    ['no family', v2(0x21, 0x00, new Uint8Array(0))],
    ['UDP', v2(0x21, 0x12, new Uint8Array(12))],
    ['Unix sockets', v2(0x21, 0x31, new Uint8Array(216))],
  ])('names nobody: %s', (_name, bytes) => {
    expect(readProxyHeader(bytes)).toEqual({ name: 'whole', length: bytes.length, pair: undefined });
  });

  it.each([
    ['another version', v2(0x31, 0x11, new Uint8Array(12))],
    ['another command', v2(0x22, 0x11, new Uint8Array(12))],
    ['another family', v2(0x21, 0x51, new Uint8Array(12))],
    ['too short for its addresses', v2(0x21, 0x21, new Uint8Array(35))],
    ['longer than anybody has to take', v2(0x21, 0x11, new Uint8Array(MAX_HEADER_BYTES - 15))],
  ])('is malformed: %s', (_name, bytes) => {
    // Known from the first 16 bytes: nothing is gathered for it.
    expect(readProxyHeader(bytes.subarray(0, 16)).name).toBe('malformed');
  });
});

const bytes4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
const bytes16 = fc.uint8Array({ minLength: 16, maxLength: 16 });
const address = fc.oneof(bytes4, bytes16).map(addressFromBytes);
const socketAddress = fc.record({ address, port: fc.integer({ min: 0, max: 65_535 }) });
const pairs = fc.record({ client: socketAddress, destination: socketAddress });
const SIGNATURES = [V2_SIGNATURE, Buffer.from('PROXY '), Buffer.from('PROXY TCP4 '), Buffer.alloc(0)];

describe('any PROXY header', () => {
  it('that was written is read again', () => {
    fc.assert(
      fc.property(pairs, (pair) => {
        const bytes = proxyHeader(pair);
        expect(readProxyHeader(bytes)).toEqual({ name: 'whole', length: bytes.length, pair });
      }),
    );
  });

  it('is incomplete until its last byte, however it is cut', () => {
    fc.assert(
      fc.property(pairs, fc.boolean(), (pair, isText) => {
        const { client, destination } = pair;
        const isSame = isIP(client.address) === isIP(destination.address);
        const text = `PROXY TCP${isIP(client.address)} ${client.address} ${destination.address} ${client.port} ${destination.port}\r\n`;
        const bytes = isText && isSame ? Buffer.from(text) : proxyHeader(pair);
        for (let length = 0; length < bytes.length; length += 1) {
          expect(readProxyHeader(bytes.subarray(0, length)).name).toBe('incomplete');
        }
        expect(readProxyHeader(bytes)).toMatchObject({ name: 'whole', length: bytes.length, pair });
      }),
    );
  });

  it('out of random bytes is something, and what it is stays so when more comes', () => {
    const random = fc.tuple(fc.constantFrom(...SIGNATURES), fc.uint8Array({ maxLength: 600 }));
    fc.assert(
      fc.property(random, fc.nat(600), ([signature, rest], cut) => {
        const bytes = Buffer.concat([signature, rest]);
        const early = readProxyHeader(bytes.subarray(0, cut));
        const late = readProxyHeader(bytes);
        if (early.name !== 'incomplete') expect(late).toEqual(early);
        if (bytes.length >= MAX_HEADER_BYTES) expect(late.name).not.toBe('incomplete');
      }),
    );
  });
});

describe('an address', () => {
  it.each([
    ['::', '0:0:0:0:0:0:0:0'],
    ['::1', '0:0:0:0:0:0:0:1'],
    ['1::', '1:0:0:0:0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0:0:0:0:1'],
    ['64:ff9b::192.0.2.33', '64:ff9b:0:0:0:0:c000:221'],
    ['::ffff:192.0.2.33', '192.0.2.33'],
    ['192.0.2.33', '192.0.2.33'],
  ])('%s is read', (text, written) => {
    expect(addressFromBytes(addressBytes(text) ?? new Uint8Array())).toBe(written);
  });

  it('that is none makes a header that names nobody', () => {
    expect(addressBytes('a.test')).toBeUndefined();
    expect(proxyHeader({ ...V4, client: { address: 'a.test', port: 1 } })).toBe(LOCAL_HEADER);
  });
});
