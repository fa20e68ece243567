import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashPrincipal, type ResumeClaims, TokenSigner } from './token.js';

const CLAIMS: ResumeClaims = {
  sessionId: 's'.repeat(22),
  pool: 'chat',
  backendId: 'http://127.0.0.1:3001',
  incarnation: 'i'.repeat(16),
  generation: 7,
  expiresAtSeconds: 1000,
  principal: hashPrincipal('alice'),
};

describe('a resume token', () => {
  const signer = new TokenSigner(['first', 'second']);

  it('says what was signed, until it runs out', () => {
    const token = signer.sign(CLAIMS);
    expect(token).toMatch(/^1\.[\w-]{8}\.[\w-]+\.[\w-]{43}$/);
    expect(signer.verify(token, 1000)).toEqual({ kind: 'valid', claims: CLAIMS });
    expect(signer.verify(token, 1001)).toEqual({ kind: 'expired' });
  });

  it('of any known secret is believed, and of no other', () => {
    expect(signer.verify(new TokenSigner(['second']).sign(CLAIMS), 0).kind).toBe('valid');
    expect(signer.verify(new TokenSigner(['third']).sign(CLAIMS), 0).kind).toBe('forged');
  });

  it('that is changed anywhere is forged', () => {
    const token = signer.sign(CLAIMS);
    const property = fc.property(fc.nat(token.length - 1), fc.constantFrom(...'Ab0_-.~'), (at, character) => {
      const changed = token.slice(0, at) + character + token.slice(at + 1);
      const verified = signer.verify(changed, 0);
      // The last character of base64url holds bits that mean nothing.
      if (changed === token || at === token.length - 1) return;
      expect(verified.kind).toBe('forged');
    });
    fc.assert(property);
  });

  it('that is anything else is forged, and never an exception', () => {
    fc.assert(fc.property(fc.string(), (text) => signer.verify(text, 0).kind === 'forged'));
    expect(signer.verify('1.'.repeat(5000), 0).kind).toBe('forged');
  });

  it.each([
    ['a session id that is none', { sessionId: 'x' }],
    ['an incarnation that is none', { incarnation: '' }],
    ['half a generation', { generation: 1.5 }],
  ])('with %s is not believed, although it is signed', (_, change) => {
    expect(signer.verify(signer.sign({ ...CLAIMS, ...change }), 0).kind).toBe('forged');
  });
});

it('hashes principals to something short that says nothing, and nobody to nothing', () => {
  expect(hashPrincipal('alice')).toMatch(/^[\w-]{22}$/);
  expect(hashPrincipal('alice')).not.toBe(hashPrincipal('bob'));
  expect(hashPrincipal('')).toBe('');
});
