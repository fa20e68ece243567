/** JSON Web Tokens by hand, so that tests can make those that no library would, and an issuer that publishes its keys. */
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import { type Listening, listen } from '../backends/listening.js';

export const JWT_SECRET = 'the key of an issuer in tests';

export type Claims = Readonly<Record<string, unknown>>;

/** Of ten minutes, unless the claims say otherwise. */
export function hs256(claims: Claims, secret: string = JWT_SECRET): string {
  return signed({ alg: 'HS256', typ: 'JWT' }, claims, (text) => createHmac('sha256', secret).update(text).digest());
}

export function secondsFromNow(seconds: number): number {
  return Math.floor(Date.now() / 1000) + seconds;
}

export interface Issuer extends Listening {
  /** URL of the keys. */
  readonly jwks: string;
  /** Requests for the keys so far. */
  readonly asked: number;
  /** Makes another key; those before it stay unless told. */
  rotate(options?: { readonly keepsOld: boolean }): void;
  /** With the newest key, or one that is not published. */
  token(claims: Claims, options?: { readonly kid?: string; readonly key?: KeyObject }): string;
  /** Answers in another way from now on; undefined: with the keys. */
  answer: ((response: ServerResponse) => void) | undefined;
}

interface Key {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly jwk: object;
}

export async function startIssuer(): Promise<Issuer> {
  let keys: Key[] = [makeKey('k1')];
  let made = 1;
  let asked = 0;
  const server = createServer((_, response) => {
    asked += 1;
    if (issuer.answer !== undefined) issuer.answer(response);
    else
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }));
  });
  const listening = await listen(server);
  const issuer: Issuer = Object.assign(listening, {
    jwks: `${listening.url}/keys`,
    asked: 0,
    answer: undefined as Issuer['answer'],
    rotate: ({ keepsOld } = { keepsOld: true }) => {
      made += 1;
      keys = [...(keepsOld ? keys : []), makeKey(`k${made}`)];
    },
    token: (claims: Claims, { kid, key }: { readonly kid?: string; readonly key?: KeyObject } = {}) => {
      const newest = keys.at(-1)!;
      const header = { alg: 'EdDSA', kid: kid ?? newest.kid };
      return signed(header, claims, (text) => sign(undefined, Buffer.from(text), key ?? newest.privateKey));
    },
  });
  Object.defineProperty(issuer, 'asked', { get: () => asked });
  return issuer;
}

export function foreignKey(): KeyObject {
  return generateKeyPairSync('ed25519').privateKey;
}

function makeKey(kid: string): Key {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return { kid, privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg: 'EdDSA', use: 'sig' } };
}

function signed(header: object, claims: Claims, signature: (text: string) => Buffer): string {
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
  const text = `${encode(header)}.${encode({ exp: secondsFromNow(600), ...claims })}`;
  return `${text}.${signature(text).toString('base64url')}`;
}
