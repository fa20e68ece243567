/**
 * The cookie that keeps a browser on its backend: `<backend id>.<HMAC>`, signed, so that nobody picks a backend by
 * forging one, and bound to its pool, so that it says nothing in another. Needs no shared state. Pure.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

export interface CookieSigner {
  sign(pool: string, backendId: string): string;
  /** The backend id, or undefined for anything that none of the keys signed for this pool. */
  verify(pool: string, value: string): string | undefined;
}

/** @param secrets the first signs, all verify; never empty. */
export function createCookieSigner(secrets: readonly string[]): CookieSigner {
  const mac = (secret: string, pool: string, id: string): Buffer =>
    createHmac('sha256', secret).update(`holdfast affinity cookie\n${pool}\n${id}`).digest();
  return {
    sign: (pool, backendId) => {
      const encoded = Buffer.from(backendId).toString('base64url');
      return `${encoded}.${mac(secrets[0] ?? '', pool, backendId).toString('base64url')}`;
    },
    verify: (pool, value) => {
      const [encoded = '', signature = '', ...rest] = value.split('.');
      if (rest.length > 0 || encoded === '' || value.length > 1024) return undefined;
      const id = Buffer.from(encoded, 'base64url').toString();
      const given = Buffer.from(signature, 'base64url');
      const isOurs = secrets.some((secret) => {
        const expected = mac(secret, pool, id);
        return given.length === expected.length && timingSafeEqual(given, expected);
      });
      return isOurs ? id : undefined;
    },
  };
}

/** Value of the first cookie of that name (RFC 6265 §4.2), or undefined. */
export function cookieValue(header: string | undefined, name: string): string | undefined {
  for (const pair of header?.split(';') ?? []) {
    const equals = pair.indexOf('=');
    if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
  }
  return undefined;
}

/** Set-Cookie for the value. `maxAgeMs` 0: until the browser closes. */
export function setCookie(name: string, value: string, maxAgeMs: number, isSecure: boolean): string {
  const age = maxAgeMs > 0 ? `; Max-Age=${Math.ceil(maxAgeMs / 1000)}` : '';
  return `${name}=${value}; Path=/${age}; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`;
}
