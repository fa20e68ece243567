import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutCloseReason, isWireCloseCode, MAX_CLOSE_REASON_BYTES } from './close-code.js';

describe('isWireCloseCode', () => {
  it.each([1000, 1001, 1002, 1003, 1007, 1008, 1011, 1012, 1013, 1014, 3000, 4000, 4999])('allows %i', (code) => {
    expect(isWireCloseCode(code)).toBe(true);
  });
  it.each([0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535, -1, Number.NaN])('refuses %i', (code) => {
    expect(isWireCloseCode(code)).toBe(false);
  });
});

describe('cutCloseReason', () => {
  it('keeps what fits', () => {
    expect(cutCloseReason('x'.repeat(123))).toBe('x'.repeat(123));
  });
  it('never exceeds the frame and never splits a character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (reason) => {
        const cut = cutCloseReason(reason);
        expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(MAX_CLOSE_REASON_BYTES);
        expect(reason.startsWith(cut)).toBe(true);
        expect([...reason].slice(0, [...cut].length).join('')).toBe(cut);
      }),
    );
  });
});
