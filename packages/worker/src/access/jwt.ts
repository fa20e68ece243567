/**
 * JWTs as credentials: the algorithm is the configuration's to choose, never the token's; `exp` has to be there unless the
 * configuration says otherwise; `nbf`, `iss` and `aud` are checked where they are given or asked for; `sub` is the principal, and a
 * token without one is nobody's.
 */
import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { errors, type JWTPayload, jwtVerify, type JWTVerifyOptions } from 'jose';
import type { JwtConfig } from '../config.js';
import { type FindKey, JwksUnavailable } from './jwks.js';

export interface VerifiedJwt {
  readonly principal: string;
  readonly claims: JWTPayload;
  /** Of the wall clock; undefined: never. The tolerance is not in it. */
  readonly expiresAtMs: number | undefined;
}

type JwksKey = Extract<JwtConfig['key'], { type: 'jwks' }>;

/** Parsed once per configuration. */
const keys = new WeakMap<JwtConfig, KeyObject>();

/** refused: the token is not good. unavailable: nobody knows. Anything but the token's or the keys' fault is thrown. */
export async function verifyJwt(
  token: string,
  config: JwtConfig,
  jwks: (key: JwksKey) => FindKey,
): Promise<VerifiedJwt | 'refused' | 'unavailable'> {
  try {
    const { payload } = await verify(token, config, jwks);
    const { sub, exp } = payload;
    // Nobody has checked that it is a text.
    if (typeof sub !== 'string' || sub === '') return 'refused';
    return { principal: sub, claims: payload, expiresAtMs: exp === undefined ? undefined : exp * 1000 };
  } catch (error) {
    if (error instanceof errors.JOSEError) return 'refused';
    if (error instanceof JwksUnavailable) return 'unavailable';
    throw error;
  }
}

function verify(
  token: string,
  config: JwtConfig,
  jwks: (key: JwksKey) => FindKey,
): Promise<{ readonly payload: JWTPayload }> {
  const { key, algorithms, issuer, audience, toleranceMs, isExpiryRequired } = config;
  const options: JWTVerifyOptions = {
    algorithms: [...algorithms],
    clockTolerance: toleranceMs / 1000,
    ...(isExpiryRequired && { requiredClaims: ['exp'] }),
    ...(issuer !== undefined && { issuer }),
    ...(audience !== undefined && { audience }),
  };
  return key.type === 'jwks' ? jwtVerify(token, jwks(key), options) : jwtVerify(token, keyOf(config, key), options);
}

function keyOf(config: JwtConfig, key: Exclude<JwtConfig['key'], JwksKey>): KeyObject {
  let parsed = keys.get(config);
  if (parsed === undefined) {
    parsed = key.type === 'secret' ? createSecretKey(Buffer.from(key.secret)) : createPublicKey(key.pem);
    keys.set(config, parsed);
  }
  return parsed;
}
