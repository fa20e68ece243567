/**
 * Resume tokens (PROTOCOL.md, "Resume tokens"): what a client shows to get its session back, signed so that nobody asks about a
 * session that was never his. They name the backend, so that the way back is known where shared state is not. Pure.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { isIncarnation, isSessionId } from '@holdfast/protocol';

export interface ResumeClaims {
  readonly sessionId: string;
  readonly pool: string;
  readonly backendId: string;
  readonly incarnation: string;
  readonly generation: number;
  readonly expiresAtSeconds: number;
  /** Hash of the principal. */
  readonly principal: string;
}

export type VerifiedToken =
  | { readonly kind: 'valid'; readonly claims: ResumeClaims }
  | { readonly kind: 'expired' }
  /** Not ours, changed, or of no form that we know. */
  | { readonly kind: 'forged' };

interface Key {
  readonly id: string;
  readonly secret: string;
}

const FORGED: VerifiedToken = { kind: 'forged' };
/** Names of pools and backends are the long part. */
const MAX_TOKEN_CHARACTERS = 4096;

export class TokenSigner {
  readonly #keys: readonly Key[];

  /** @param secrets the first signs, all verify; never empty. */
  constructor(secrets: readonly string[]) {
    this.#keys = secrets.map((secret) => ({ id: keyIdOf(secret), secret }));
  }

  sign(claims: ResumeClaims): string {
    const { sessionId: s, pool: p, backendId: b, incarnation: i, generation: g } = claims;
    const json = JSON.stringify({ s, p, b, i, g, e: claims.expiresAtSeconds, u: claims.principal });
    const { id = '', secret = '' } = this.#keys[0] ?? {};
    const signed = `1.${id}.${Buffer.from(json).toString('base64url')}`;
    return `${signed}.${mac(secret, signed).toString('base64url')}`;
  }

  verify(token: string, nowSeconds: number): VerifiedToken {
    const dot = token.lastIndexOf('.');
    const [version, keyId, encoded, , ...rest] = token.split('.', 5);
    if (token.length > MAX_TOKEN_CHARACTERS || version !== '1' || encoded === undefined || rest.length > 0)
      return FORGED;
    const signed = token.slice(0, dot);
    const given = Buffer.from(token.slice(dot + 1), 'base64url');
    const isOurs = this.#keys.some(({ id, secret }) => id === keyId && isEqual(given, mac(secret, signed)));
    const claims = isOurs ? readClaims(encoded) : undefined;
    if (claims === undefined) return FORGED;
    return claims.expiresAtSeconds < nowSeconds ? { kind: 'expired' } : { kind: 'valid', claims };
  }
}

/** What stands for a principal in tokens and in shared state; '' for nobody in particular. */
export function hashPrincipal(principal: string): string {
  return principal === '' ? '' : createHash('sha256').update(principal).digest('base64url').slice(0, 22);
}

/** Tells keys apart without telling anything about them. */
function keyIdOf(secret: string): string {
  return createHash('sha256').update(`holdfast resume token key\n${secret}`).digest('base64url').slice(0, 8);
}

function mac(secret: string, signed: string): Buffer {
  return createHmac('sha256', secret).update(signed).digest();
}

function isEqual(given: Buffer, expected: Buffer): boolean {
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** We signed it, but perhaps with another version of this program. */
function readClaims(encoded: string): ResumeClaims | undefined {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(encoded, 'base64url').toString());
  } catch {
    return undefined;
  }
  if (typeof json !== 'object' || json === null) return undefined;
  const { s, p, b, i, g, e, u } = json as Readonly<Record<string, unknown>>;
  if (!isSessionId(s) || !isIncarnation(i) || typeof p !== 'string' || typeof b !== 'string') return undefined;
  if (!Number.isSafeInteger(g) || !Number.isSafeInteger(e) || typeof u !== 'string') return undefined;
  return {
    sessionId: s,
    pool: p,
    backendId: b,
    incarnation: i,
    generation: g as number,
    expiresAtSeconds: e as number,
    principal: u,
  };
}
