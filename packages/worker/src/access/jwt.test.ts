import { generateKeyPairSync } from 'node:crypto';
import { SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import type { JwtConfig } from '../config.js';
import { verifyJwt } from './jwt.js';
import { JWT_SECRET, jwtConfig } from './testing/auth-config.js';

const SECRET = jwtConfig();
const NOW = Math.floor(Date.now() / 1000);
const pair = generateKeyPairSync('ed25519');
const pem = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
const PUBLIC = jwtConfig({ key: { type: 'publicKey', pem }, algorithms: ['EdDSA'] });

function verified(token: string, config: JwtConfig): ReturnType<typeof verifyJwt> {
  return verifyJwt(token, config, () => () => Promise.reject(new Error('expected no set of keys to be asked')));
}

function hs256(claims: Record<string, unknown>, secret = JWT_SECRET): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret));
}

describe('a JWT', () => {
  it('names the principal, and tells its claims', async () => {
    const token = await hs256({ sub: 'alice', role: 'admin' });
    expect(await verified(token, SECRET)).toEqual({
      principal: 'alice',
      claims: { sub: 'alice', role: 'admin' },
      expiresAtMs: undefined,
    });
  });

  it('is verified with a public key', async () => {
    const token = await new SignJWT({ sub: 'alice' }).setProtectedHeader({ alg: 'EdDSA' }).sign(pair.privateKey);
    expect(await verified(token, PUBLIC)).toMatchObject({ principal: 'alice' });
  });

  it('signed with the text of the public key is refused: the classic confusion', async () => {
    expect(await verified(await hs256({ sub: 'mallory' }, pem), PUBLIC)).toBe('refused');
  });

  it.each([
    ['has run out', { sub: 'a', exp: NOW - 60 }, {}],
    ['does not say when it runs out, although it has to', { sub: 'a' }, { isExpiryRequired: true }],
    ['has run out by more than the clocks may differ', { sub: 'a', exp: NOW - 7 }, {}],
    ['is not valid yet', { sub: 'a', nbf: NOW + 60 }, {}],
    ['is of another issuer', { sub: 'a', iss: 'them' }, { issuer: 'us' }],
    ['is for another audience', { sub: 'a', aud: 'them' }, { audience: 'us' }],
    ['is for nobody although an audience is asked for', { sub: 'a' }, { audience: 'us' }],
    ['has no subject', {}, {}],
    ['has an empty subject', { sub: '' }, {}],
    ['has a subject that is no text', { sub: 7 }, {}],
  ])('that %s is refused', async (_, claims, change) => {
    expect(await verified(await hs256(claims), { ...SECRET, ...change })).toBe('refused');
  });

  it('that has run out by less than the clocks may differ is good, and tells when it does', async () => {
    const token = await hs256({ sub: 'a', exp: NOW - 2 });
    expect(await verified(token, SECRET)).toMatchObject({ expiresAtMs: (NOW - 2) * 1000 });
  });

  it.each(['', 'x', 'a.b.c', 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.'])('%j is refused', async (token) => {
    expect(await verified(token, SECRET)).toBe('refused');
  });
});
