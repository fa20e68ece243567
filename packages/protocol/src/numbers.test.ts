/** Numbers: the allocation-free readers and writers against BigInt and the platform's own base 36. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_DATA_HEADER_BYTES } from './limits.js';
import { readBase36, readVarint, writeBase36, writeVarint } from './numbers.js';
import { ProtocolError } from './protocol-error.js';

const number = fc.oneof(fc.maxSafeNat(), fc.nat(100_000), fc.integer({ min: 0, max: 53 }).map(nearPowerOfTwo));

function nearPowerOfTwo(exponent: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, 2 ** exponent - 1);
}

describe('base 36', () => {
  it('is written as the platform writes it, and read back', () => {
    fc.assert(
      fc.property(number, fc.nat(5), (value, at) => {
        const bytes = new Uint8Array(at + 11);
        const end = writeBase36(bytes, at, value);
        expect(ascii(bytes.subarray(at, end))).toBe(value.toString(36));
        const cursor = { at };
        expect(readBase36(bytes, cursor, end)).toBe(value);
        expect(cursor.at).toBe(end);
      }),
    );
  });

  it('stops at the first byte that is no digit, and at the end', () => {
    const cursor = { at: 1 };
    expect(readBase36(latin1('m1z.5'), cursor, 5)).toBe(71);
    expect(cursor.at).toBe(3);
    expect(readBase36(latin1('1234'), { at: 0 }, 2)).toBe(38);
  });

  it('has one spelling: whatever is read, writes as what was read', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0019azAZ.:-'), maxLength: 14 }), (text) => {
        const bytes = latin1(text);
        const cursor = { at: 0 };
        const value = valueOrProtocolError(() => readBase36(bytes, cursor, bytes.length));
        if (value === undefined) return;
        const again = new Uint8Array(11);
        expect(ascii(again.subarray(0, writeBase36(again, 0, value)))).toBe(text.slice(0, cursor.at));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('varints', () => {
  it('are written as LEB128, and read back', () => {
    fc.assert(
      fc.property(number, fc.nat(5), (value, at) => {
        const bytes = new Uint8Array(at + 8);
        const end = writeVarint(bytes, at, value);
        expect([...bytes.subarray(at, end)]).toEqual(leb128(BigInt(value)));
        const cursor = { at };
        expect(readVarint(bytes, cursor, end)).toBe(value);
        expect(cursor.at).toBe(end);
      }),
    );
  });

  it('have one spelling: whatever is read, writes as what was read', () => {
    const byte = fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0x81, 0xff), fc.nat(255));
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 10 }), (list) => {
        const bytes = Uint8Array.from(list);
        const cursor = { at: 0 };
        const value = valueOrProtocolError(() => readVarint(bytes, cursor, bytes.length));
        if (value === undefined) return;
        expect(leb128(BigInt(value))).toEqual(list.slice(0, cursor.at));
      }),
      { numRuns: 2000 },
    );
  });
});

it('the longest head of a data frame fits what is said of it', () => {
  const digits = Number.MAX_SAFE_INTEGER.toString(36).length;
  expect('m'.length + digits + '.'.length + digits + ':'.length).toBe(MAX_DATA_HEADER_BYTES);
});

function leb128(value: bigint): number[] {
  const low = Number(value & 0x7fn);
  return value < 0x80n ? [low] : [low | 0x80, ...leb128(value >> 7n)];
}

function valueOrProtocolError<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
    return undefined;
  }
}

function latin1(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'));
}

function ascii(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}
