/** JSON and the tail behind it: round trips, independence from the buffer that it was read from, and what is refused. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolError } from './protocol-error.js';
import { decodeJson, decodeWithTail, encodeJson, encodeWithTail } from './tail.js';

const object = fc.dictionary(fc.string(), fc.jsonValue()).map((value) => JSON.parse(JSON.stringify(value)) as object);
const contents = fc.array(fc.record({ isBinary: fc.boolean(), data: fc.uint8Array({ maxLength: 40 }) }), {
  maxLength: 20,
});
const tailFrom = fc
  .tuple(
    fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER - 20 })),
    contents,
  )
  .map(([first, list]) => list.map((entry, i) => ({ n: first + i, ...entry })));

describe('JSON and a tail', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(object, tailFrom, (json, tail) => {
        expect(decodeWithTail(encodeWithTail(json, tail))).toEqual({ json, tail });
      }),
    );
  });

  it.each([
    ['a Uint8Array', (bytes: Uint8Array): Uint8Array => bytes],
    ['a Buffer', (bytes: Uint8Array): Uint8Array => Buffer.from(bytes)],
  ])('entries outlive %s that they were read from', (_, wrap) => {
    const bytes = wrap(encodeWithTail({}, [{ n: 1, isBinary: true, data: Uint8Array.of(1, 2, 3) }]));
    const { tail } = decodeWithTail(bytes);
    bytes.fill(0xff);
    expect(tail).toEqual([{ n: 1, isBinary: true, data: Uint8Array.of(1, 2, 3) }]);
  });

  const entry = (n: number, isBinary = 0, data = 'a'): number[] => {
    const bytes = Buffer.alloc(13 + data.length);
    bytes.writeBigUInt64BE(BigInt(n));
    bytes[8] = isBinary;
    bytes.writeUInt32BE(data.length, 9);
    bytes.write(data, 13);
    return [...bytes];
  };
  const json = [0, 0, 0, 2, 0x7b, 0x7d];

  it.each<[string, number[], RegExp]>([
    ['nothing', [], /length/],
    ['a length that is cut off', [0, 0, 0], /length/],
    ['JSON that is cut off', [0, 0, 0, 3, 0x7b, 0x7d], /3 bytes of JSON/],
    ['a length of 4 GiB', [0xff, 0xff, 0xff, 0xff, 0x7b, 0x7d], /bytes of JSON/],
    ['JSON that is none', [0, 0, 0, 2, 0x7b, 0x7b], /JSON/],
    ['JSON that is a list', [0, 0, 0, 2, 0x5b, 0x5d], /an object/],
    ['an entry whose head is cut off', [...json, ...entry(1).slice(0, 12)], /13 bytes/],
    ['an entry whose data is cut off', [...json, ...entry(1).slice(0, 13)], /an entry of 1 bytes, got 0/],
    ['number 0', [...json, ...entry(0)], /got 0/],
    ['a number above 2^53 - 1', [...json, ...entry(2 ** 53)], /2\^53/],
    ['a gap', [...json, ...entry(4), ...entry(6)], /expected 5, got 6/],
    ['a repeat', [...json, ...entry(4), ...entry(4)], /expected 5, got 4/],
    ['an entry that is neither text nor binary', [...json, ...entry(1, 2)], /0 or 1, got 2/],
  ])('%s is refused', (_, bytes, message) => {
    expect(() => decodeWithTail(Uint8Array.from(bytes))).toThrow(ProtocolError);
    expect(() => decodeWithTail(Uint8Array.from(bytes))).toThrow(message);
  });
});

describe('a JSON body', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(object, (body) => {
        expect(decodeJson(encodeJson(body))).toEqual(body);
      }),
    );
  });

  it.each([
    ['text that is not UTF-8', [0x7b, 0x22, 0xff, 0x22, 0x7d]],
    ['a byte order mark', [0xef, 0xbb, 0xbf, 0x7b, 0x7d]],
    ['nothing', []],
    ['a string', [0x22, 0x22]],
    ['null', [0x6e, 0x75, 0x6c, 0x6c]],
  ])('%s is refused', (_, bytes) => {
    expect(() => decodeJson(Uint8Array.from(bytes))).toThrow(ProtocolError);
  });
});
