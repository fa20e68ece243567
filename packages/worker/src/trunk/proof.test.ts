import { createHmac } from 'node:crypto';
import { expect, it } from 'vitest';
import { isProven, prove } from './proof.js';

const nonces = { challenge: 'one', prove: 'two' };

it('is what PROTOCOL.md says', () => {
  const expected = createHmac('sha256', 'key').update('holdfast-trunk.v1 worker\none\ntwo').digest('base64url');
  expect(prove('worker', 'key', nonces)).toBe(expected);
});

it.each([
  ['made with any known secret', 'backend', 'b', nonces, true],
  ['made with another secret', 'backend', 'c', nonces, false],
  ['of the other end', 'worker', 'b', nonces, false],
  ['over another nonce', 'backend', 'b', { ...nonces, challenge: 'x' }, false],
] as const)('%s', (_, who, secret, over, isBelieved) => {
  expect(isProven(prove(who, secret, over), 'backend', ['a', 'b'], nonces)).toBe(isBelieved);
});

it.each(['', 'x', '....', 'a'.repeat(1000)])('%j proves nothing', (proof) => {
  expect(isProven(proof, 'backend', ['a'], nonces)).toBe(false);
});
