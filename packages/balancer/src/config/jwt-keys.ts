/**
 * What the tokens of each route are checked with. A public key is read and written anew as SPKI, the one form that every
 * library takes, and its type says which algorithms make sense: what comes to the worker has been tried. A secret
 * takes HS… only and a public key never does: who could choose would sign with the public key as the secret.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import type { JwtConfig } from '@holdfast/worker';
import type { ReadDocument } from './document.js';
import { parseHttpUrl } from './formats.js';
import { describeValue } from './mistake.js';
import { type Read, readPem } from './pem-files.js';
import { pathKey } from './positions.js';
import { PUBLIC_KEY } from './schema-auth.js';
import type { Finding, Path } from './types.js';
import { asText, child, items } from './view.js';

export interface JwtKey {
  readonly key: JwtConfig['key'];
  /** All that the key is good for; the first is the default. */
  readonly algorithms: readonly string[];
}

export interface JwtKeys {
  /** By index of the route. Routes without `auth`, or with a wrong one, are not in it. */
  readonly byRoute: ReadonlyMap<number, JwtKey>;
  readonly findings: readonly Finding[];
}

const OWNERS = { secret: 'a secret', publicKey: 'this public key', jwks: 'a set of public keys' } as const;
const SECRET_ALGORITHMS = ['HS256', 'HS384', 'HS512'];
const RSA_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
/** A published secret is none. */
const PUBLIC_ALGORITHMS = [...RSA_ALGORITHMS, 'ES256', 'ES384', 'ES512', 'EdDSA'];
const CURVE_ALGORITHMS: Readonly<Record<string, readonly string[]>> = {
  prime256v1: ['ES256'],
  secp384r1: ['ES384'],
  secp521r1: ['ES512'],
};
/** RFC 7518 §3.3 asks for it, and JWT libraries refuse less. */
const MIN_RSA_BITS = 2048;
const KINDS = `RSA of ${MIN_RSA_BITS} bits or more, EC on P-256, P-384 or P-521, or Ed25519`;

/** Relative paths start from `folder`. */
export async function readJwtKeys(document: ReadDocument, folder: string): Promise<JwtKeys> {
  const byRoute = new Map<number, JwtKey>();
  const findings: Finding[] = [];
  // One after the other, as certificates are: a thousand routes must not open a thousand files at once.
  for (const [index, route] of items(child(document.value, 'routes')).entries()) {
    const jwt = child(child(route, 'auth'), 'jwt');
    const path = ['routes', index, 'auth', 'jwt'];
    const key = await readKey(jwt, { document, folder, path: [...path, 'publicKey'] });
    if (key === undefined) continue;
    if (key.ok) {
      byRoute.set(index, key.value);
      findings.push(...wrongAlgorithms(jwt, key.value, path));
    } else {
      const expected = `${PUBLIC_KEY}: ${KINDS}`;
      findings.push({ path: [...path, 'publicKey'], on: 'value', expected, got: key.got });
    }
  }
  return { byRoute, findings };
}

interface KeyPlace {
  readonly document: ReadDocument;
  readonly folder: string;
  /** Of `publicKey`. */
  readonly path: Path;
}

/** undefined: the schema tells what is wrong. */
async function readKey(jwt: unknown, { document, folder, path }: KeyPlace): Promise<Read<JwtKey> | undefined> {
  const secret = asText(child(jwt, 'secret'));
  const given = asText(child(jwt, 'publicKey'));
  const url = parseHttpUrl(asText(child(jwt, 'jwks')) ?? '');
  if (url !== undefined && secret === undefined && given === undefined) {
    return { ok: true, value: { key: { type: 'jwks', url, cooldownMs: 0 }, algorithms: PUBLIC_ALGORITHMS } };
  }
  if (secret !== undefined && given === undefined) {
    return { ok: true, value: { key: { type: 'secret', secret }, algorithms: SECRET_ALGORITHMS } };
  }
  if (secret !== undefined || given === undefined || given === '' || given.includes('\0')) return undefined;
  // In variables, PEM often comes on one line.
  if (given.includes('-----BEGIN')) return toJwtKey(given.replaceAll('\\n', '\n'));
  const file = await readPem(given, folder, (pem) => pem);
  if (file.ok) return toJwtKey(file.value);
  // A secret in the place of a path must not be shown as one.
  return document.secrets.has(pathKey(path)) ? { ok: false, got: describeValue(given, true) } : file;
}

function toJwtKey(pem: string): Read<JwtKey> {
  if (pem.includes('PRIVATE KEY-----')) return { ok: false, got: 'a private key, which only the issuer should have' };
  const key = parsePublicKey(pem);
  if (key === undefined) return { ok: false, got: 'something else' };
  const algorithms = algorithmsOf(key);
  if (algorithms === undefined) return { ok: false, got: `a public key of another kind: ${describeKey(key)}` };
  const spki = key.export({ type: 'spki', format: 'pem' }).toString();
  return { ok: true, value: { key: { type: 'publicKey', pem: spki }, algorithms } };
}

function parsePublicKey(pem: string): KeyObject | undefined {
  try {
    return createPublicKey(pem);
  } catch {
    return undefined;
  }
}

function algorithmsOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): readonly string[] | undefined {
  switch (asymmetricKeyType) {
    case 'rsa':
      return (asymmetricKeyDetails?.modulusLength ?? 0) < MIN_RSA_BITS ? undefined : RSA_ALGORITHMS;
    case 'ec':
      return CURVE_ALGORITHMS[asymmetricKeyDetails?.namedCurve ?? ''];
    case 'ed25519':
      return ['EdDSA'];
    default:
      return undefined;
  }
}

/** `rsa 1024`, `ec secp256k1`, `x25519`. */
function describeKey({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  const detail = asymmetricKeyDetails?.modulusLength ?? asymmetricKeyDetails?.namedCurve;
  return detail === undefined ? String(asymmetricKeyType) : `${asymmetricKeyType} ${detail}`;
}

function wrongAlgorithms(jwt: unknown, { key, algorithms }: JwtKey, path: Path): Finding[] {
  const owner = OWNERS[key.type];
  return items(child(jwt, 'algorithms')).flatMap((given, index) => {
    if (asText(given) === undefined || algorithms.includes(String(given))) return [];
    const expected = `what ${owner} is for: ${algorithms.join(', ')}`;
    return [{ path: [...path, 'algorithms', index], on: 'value' as const, expected }];
  });
}
