import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { JwtConfig } from '@holdfast/worker';
import { describe, expect, it } from 'vitest';
import { formatMistake, loadConfig } from './load.js';
import { testCertificate } from './testing/certificate.js';
import { configOf, mistakesIn, testFolder } from './testing/files.js';

/** `jwt` stands on line 3, from column 32 on. */
function file(jwt: string): string {
  return `listen: [ { address: 80 } ]
secret: 0123456789abcdef
routes: [ { pool: s, auth: { jwt: ${jwt} } } ]
pools: { s: { kind: session, backends: [ http://a ] } }
`;
}

async function jwtOf(jwt: string, env: NodeJS.ProcessEnv = {}): Promise<JwtConfig | undefined> {
  return (await configOf(file(jwt), env)).worker.routes[0]?.auth?.jwt;
}

function spki(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'pem' }).toString();
}

const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });
const SHORT_RSA = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey;
const ED25519 = generateKeyPairSync('ed25519').publicKey;
const [P256, P384, P521, SECP256K1] = ['prime256v1', 'secp384r1', 'secp521r1', 'secp256k1'].map(
  (namedCurve) => generateKeyPairSync('ec', { namedCurve }).publicKey,
) as [KeyObject, KeyObject, KeyObject, KeyObject];

const EXPECTED =
  'expected a public key in PEM, or the path of a file with one: RSA of 2048 bits or more, EC on P-256, P-384 or P-521, or Ed25519';
const AT_KEY = `3:48: routes[0].auth.jwt.publicKey: ${EXPECTED}`;
const RSA_ONLY = 'expected what this public key is for: RS256, RS384, RS512, PS256, PS384, PS512';
const SET_ONLY =
  'expected what a set of public keys is for: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA';
const SECRET_ONLY = 'expected what a secret is for: HS256, HS384, HS512';

describe('keys of JSON Web Tokens', () => {
  it('takes a secret, with HS256 unless told', async () => {
    expect(await jwtOf('{ secret: 0123456789abcdef }')).toEqual({
      key: { type: 'secret', secret: '0123456789abcdef' },
      algorithms: ['HS256'],
      issuer: undefined,
      audience: undefined,
      query: undefined,
      cookie: undefined,
      isExpiryRequired: true,
      isEndedAtExpiry: true,
      toleranceMs: 5000,
    });
  });

  it('takes the URL of keys, with algorithms that are said', async () => {
    const jwks = '{ jwks: "https://id.example.com/keys", algorithms: [ES256, EdDSA], refetch: 1m, tolerance: 0 }';
    expect(await jwtOf(jwks)).toMatchObject({
      key: { type: 'jwks', url: 'https://id.example.com/keys', cooldownMs: 60_000 },
      algorithms: ['ES256', 'EdDSA'],
      toleranceMs: 0,
    });
  });

  it.each([
    ['RSA', RSA.publicKey, 'RS256'],
    ['P-256', P256, 'ES256'],
    ['P-384', P384, 'ES384'],
    ['P-521', P521, 'ES512'],
    ['Ed25519', ED25519, 'EdDSA'],
  ])('knows the algorithm of a public key: %s', async (_, key, algorithm) => {
    const pem = spki(key);
    expect(await jwtOf('{ publicKey: "${PEM}" }', { PEM: pem })).toMatchObject({
      key: { type: 'publicKey', pem },
      algorithms: [algorithm],
    });
  });

  it('takes other algorithms of the same key', async () => {
    const jwt = await jwtOf('{ publicKey: "${PEM}", algorithms: [PS512, RS256] }', { PEM: spki(RSA.publicKey) });
    expect(jwt?.algorithms).toEqual(['PS512', 'RS256']);
  });

  it('takes PEM on one line, as variables have it', async () => {
    const pem = spki(P256);
    const jwt = await jwtOf('{ publicKey: "${PEM}" }', { PEM: pem.replaceAll('\n', '\\n') });
    expect(jwt?.key).toEqual({ type: 'publicKey', pem });
  });

  it('gives the worker one form of public key, whatever form came', async () => {
    const pem = spki(RSA.publicKey);
    const pkcs1 = RSA.publicKey.export({ type: 'pkcs1', format: 'pem' }).toString();
    expect((await jwtOf('{ publicKey: "${PEM}" }', { PEM: pkcs1 }))?.key).toEqual({ type: 'publicKey', pem });
    const { certificate } = testCertificate('issuer');
    const key = (await jwtOf('{ publicKey: "${PEM}" }', { PEM: certificate }))?.key;
    expect(key).toMatchObject({ pem: expect.stringMatching(/^-----BEGIN PUBLIC KEY-----/) as string });
  });

  it('reads a file beside the configuration', async () => {
    await using folder = await testFolder();
    const pem = spki(ED25519);
    await folder.write('issuer.pem', pem);
    const result = await loadConfig(await folder.write('holdfast.yaml', file('{ publicKey: ./issuer.pem }')), {});
    expect(result.ok && result.config.worker.routes[0]?.auth?.jwt?.key).toEqual({ type: 'publicKey', pem });
  });

  it('keeps the key of each route with its route', async () => {
    const [a, b] = ['0123456789abcdef', 'fedcba9876543210'];
    const text = `listen: [ { address: 80 } ]
secret: 0123456789abcdef
routes:
  - { pool: s, match: { path: /a }, auth: { jwt: { secret: ${a} } } }
  - { pool: s, match: { path: /open } }
  - { pool: s, auth: { jwt: { secret: ${b} } } }
pools: { s: { kind: session, backends: [ http://a ] } }
`;
    const { routes } = (await configOf(text)).worker;
    expect(routes.map(({ auth }) => auth?.jwt?.key)).toEqual([
      { type: 'secret', secret: a },
      undefined,
      { type: 'secret', secret: b },
    ]);
  });

  it.each([
    [
      'no key',
      '{ issuer: me }',
      {},
      ['3:35: routes[0].auth.jwt: expected exactly one of secret, publicKey and jwks, got a map with issuer'],
    ],
    [
      'two keys',
      '{ secret: 0123456789abcdef, publicKey: a.pem }',
      {},
      [
        '3:35: routes[0].auth.jwt: expected exactly one of secret, publicKey and jwks, got a map with secret, publicKey',
      ],
    ],
    [
      'the URL of keys without algorithms',
      '{ jwks: "http://id/keys" }',
      {},
      [
        '3:35: routes[0].auth.jwt: expected algorithms beside jwks: a token must not choose its own, got a map with jwks',
      ],
    ],
    [
      'the URL of keys with an algorithm of shared secrets',
      '{ jwks: "http://id/keys", algorithms: [HS256] }',
      {},
      [`3:74: routes[0].auth.jwt.algorithms[0]: ${SET_ONLY}, got "HS256"`],
    ],
    [
      'the URL of keys with credentials, without showing them',
      '{ jwks: "http://me:pw@id/keys", algorithms: [EdDSA] }',
      {},
      [expect.stringContaining('routes[0].auth.jwt.jwks: expected an http or https URL without credentials')],
    ],
    [
      'a short secret, without showing it',
      '{ secret: hunter2 }',
      {},
      ['3:45: routes[0].auth.jwt.secret: expected a secret of at least 16 characters, got a text of 7 characters'],
    ],
    [
      'tokens without signature',
      '{ secret: 0123456789abcdef, algorithms: [ none ] }',
      {},
      [
        '3:77: routes[0].auth.jwt.algorithms[0]: expected one of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, got "none"',
      ],
    ],
    [
      'no algorithm at all',
      '{ secret: 0123456789abcdef, algorithms: [] }',
      {},
      ['3:75: routes[0].auth.jwt.algorithms: expected a list of at least one algorithm, got an empty list'],
    ],
    [
      'a public key used as a secret',
      '{ publicKey: "${PEM}", algorithms: [ RS256, HS256 ] }',
      { PEM: spki(RSA.publicKey) },
      [`3:79: routes[0].auth.jwt.algorithms[1]: ${RSA_ONLY}, got "HS256"`],
    ],
    [
      'the algorithm of another key',
      '{ publicKey: "${PEM}", algorithms: [ ES384 ] }',
      { PEM: spki(P256) },
      ['3:72: routes[0].auth.jwt.algorithms[0]: expected what this public key is for: ES256, got "ES384"'],
    ],
    [
      'a secret used as a public key',
      '{ secret: 0123456789abcdef, algorithms: [ RS256 ] }',
      {},
      [`3:77: routes[0].auth.jwt.algorithms[0]: ${SECRET_ONLY}, got "RS256"`],
    ],
    [
      'a private key',
      '{ publicKey: "${PEM}" }',
      { PEM: RSA.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() },
      [`${AT_KEY}, got a private key, which only the issuer should have`],
    ],
    [
      'a short RSA key',
      '{ publicKey: "${PEM}" }',
      { PEM: spki(SHORT_RSA) },
      [`${AT_KEY}, got a public key of another kind: rsa 1024`],
    ],
    [
      'a curve that JSON Web Tokens do not have',
      '{ publicKey: "${PEM}" }',
      { PEM: spki(SECP256K1) },
      [`${AT_KEY}, got a public key of another kind: ec secp256k1`],
    ],
    ['broken PEM', '{ publicKey: "-----BEGIN PUBLIC KEY-----" }', {}, [`${AT_KEY}, got something else`]],
    [
      'a secret in the place of a path, without showing it',
      '{ publicKey: "${JWT_SECRET}" }',
      { JWT_SECRET: 'hunter2hunter2' },
      [`${AT_KEY}, got a text of 14 characters`],
    ],
    [
      'an empty issuer',
      '{ secret: 0123456789abcdef, issuer: "" }',
      {},
      ['3:71: routes[0].auth.jwt.issuer: expected the issuer (`iss`) that tokens must have, got ""'],
    ],
  ])('refuses %s', async (_, jwt, env, mistakes) => {
    expect(await mistakesIn(file(jwt), env)).toEqual(mistakes);
  });

  it('tells which file cannot be read', async () => {
    await using folder = await testFolder();
    const result = await loadConfig(await folder.write('holdfast.yaml', file('{ publicKey: none.pem }')), {});
    const mistakes = result.ok ? [] : result.mistakes.map(formatMistake);
    expect(mistakes).toHaveLength(1);
    expect(mistakes[0]).toMatch(
      /publicKey: expected a public key .* got ".*none\.pem", which cannot be read \(ENOENT\)$/,
    );
  });

  it.each([
    ['nothing', '{}', 'expected at least one of jwt and forward'],
    ['no token to strip', '{ forward: { url: "http://a/" }, stripToken: true }', 'expected jwt beside stripToken'],
    [
      'a header of the connection',
      '{ forward: { url: "http://a/", copy: [Transfer-Encoding] } }',
      'header that is not',
    ],
    [
      'a header that proxies write',
      '{ forward: { url: "http://a/", principal: X-Forwarded-For } }',
      'header that is not',
    ],
    ['a URL of files', '{ forward: { url: "file:///etc/passwd" } }', 'expected an http or https URL'],
    ['a wait without end', '{ forward: { url: "http://a/", timeout: 1h } }', 'from 1ms to 1m'],
  ])('refuses auth with %s', async (_, auth, mistake) => {
    const text = file('{ secret: 0123456789abcdef }').replace(/auth: \{ jwt: .*?\} \}/, `auth: ${auth}`);
    expect(await mistakesIn(text)).toEqual([expect.stringContaining(mistake)]);
  });

  it('refuses auth of an unknown kind', async () => {
    expect(await mistakesIn(file('{ secret: 0123456789abcdef }').replace('jwt:', 'jwf:'))).toEqual([
      '3:28: routes[0].auth: expected at least one of jwt and forward, got a map with jwf',
      '3:30: routes[0].auth.jwf: expected one of jwt, forward, principalHeader, stripToken, got "jwf" (did you mean "jwt"?)',
    ]);
  });
});
