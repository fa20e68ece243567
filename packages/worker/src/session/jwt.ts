/**
 * JWTs as credentials: the algorithm is the configuration's to choose, never the token's; `exp`, `nbf`, `iss` and `aud` are
 * checked where they are given or asked for; `sub` is the principal, and a token without one is nobody's.
 */
import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { errors, type JWTPayload, jwtVerify } from 'jose';
import type { JwtConfig } from '../config.js';

export interface VerifiedJwt {
  readonly principal: string;
  readonly claims: JWTPayload;
}

/** Parsed once per configuration. */
const keys = new WeakMap<JwtConfig, KeyObject>();

/** undefined: refused. Anything but the token's own fault is thrown. */
export async function verifyJwt(token: string, config: JwtConfig): Promise<VerifiedJwt | undefined> {
  const { algorithms, issuer, audience } = config;
  try {
    const { payload } = await jwtVerify(token, keyOf(config), {
      algorithms: [...algorithms],
      ...(issuer !== undefined && { issuer }),
      ...(audience !== undefined && { audience }),
    });
    const { sub } = payload;
    // Nobody has checked that it is a text.
    return typeof sub !== 'string' || sub === '' ? undefined : { principal: sub, claims: payload };
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined;
    throw error;
  }
}

/** `Authorization: Bearer …` */
export function bearerToken(authorization: string | undefined): string | undefined {
  return /^Bearer +([^\s]+) *$/i.exec(authorization ?? '')?.[1];
}

function keyOf(config: JwtConfig): KeyObject {
  let key = keys.get(config);
  if (key === undefined) {
    key =
      config.key.type === 'secret' ? createSecretKey(Buffer.from(config.key.secret)) : createPublicKey(config.key.pem);
    keys.set(config, key);
  }
  return key;
}
