import { generateKeyPairSync } from 'node:crypto';
import { SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import type { JwtConfig } from '../config.js';
import { bearerToken, verifyJwt } from './jwt.js';

const SECRET: JwtConfig = {
  key: { type: 'secret', secret: 'a secret of some length, for HS256' },
  algorithms: ['HS256'],
  issuer: undefined,
  audience: undefined,
};
const NOW = Math.floor(Date.now() / 1000);
const pair = generateKeyPairSync('ed25519');
const pem = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
const PUBLIC: JwtConfig = { ...SECRET, key: { type: 'publicKey', pem }, algorithms: ['EdDSA'] };

function hs256(claims: Record<string, unknown>, secret = 'a secret of some length, for HS256'): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret));
}

describe('a JWT', () => {
  it('names the principal, and tells its claims', async () => {
    const token = await hs256({ sub: 'alice', role: 'admin' });
    expect(await verifyJwt(token, SECRET)).toEqual({ principal: 'alice', claims: { sub: 'alice', role: 'admin' } });
  });

  it('is verified with a public key', async () => {
    const token = await new SignJWT({ sub: 'alice' }).setProtectedHeader({ alg: 'EdDSA' }).sign(pair.privateKey);
    expect(await verifyJwt(token, PUBLIC)).toMatchObject({ principal: 'alice' });
  });

  it('signed with the text of the public key is refused: the classic confusion', async () => {
    expect(await verifyJwt(await hs256({ sub: 'mallory' }, pem), PUBLIC)).toBeUndefined();
  });

  it.each([
    ['has run out', { sub: 'a', exp: NOW - 60 }, {}],
    ['is not valid yet', { sub: 'a', nbf: NOW + 60 }, {}],
    ['is of another issuer', { sub: 'a', iss: 'them' }, { issuer: 'us' }],
    ['is for another audience', { sub: 'a', aud: 'them' }, { audience: 'us' }],
    ['is for nobody although an audience is asked for', { sub: 'a' }, { audience: 'us' }],
    ['has no subject', {}, {}],
    ['has an empty subject', { sub: '' }, {}],
    ['has a subject that is no text', { sub: 7 }, {}],
  ])('that %s is refused', async (_, claims, change) => {
    expect(await verifyJwt(await hs256(claims), { ...SECRET, ...change })).toBeUndefined();
  });

  it.each(['', 'x', 'a.b.c', 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.'])('%j is refused', async (token) => {
    expect(await verifyJwt(token, SECRET)).toBeUndefined();
  });
});

it.each([
  ['Bearer abc', 'abc'],
  ['bearer  abc ', 'abc'],
  ['Basic abc', undefined],
  ['Bearer', undefined],
  ['Bearer a b', undefined],
  [undefined, undefined],
])('Authorization %j carries the token %j', (header, token) => {
  expect(bearerToken(header)).toBe(token);
});
