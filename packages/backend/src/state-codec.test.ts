import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeState, encodeState } from './state-codec.js';

it('brings back what went in: text, bytes, anything that JSON can say, or nothing', () => {
  const state = fc.oneof(fc.string(), fc.uint8Array({ maxLength: 100 }), fc.jsonValue(), fc.constant(undefined));
  fc.assert(
    fc.property(state, (value) => {
      expect(decodeState(encodeState(value, 's'))).toEqual(withoutMinusZero(value));
    }),
  );
});

it('gives what somebody else wrote as it is', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(() => decodeState(text)).not.toThrow('');
    }),
  );
  expect(decodeState('j{')).toBe('j{');
  expect(decodeState('x')).toBe('x');
});

/** JSON has none. */
function withoutMinusZero(value: unknown): unknown {
  return value instanceof Uint8Array || value === undefined ? value : (JSON.parse(JSON.stringify(value)) as unknown);
}
