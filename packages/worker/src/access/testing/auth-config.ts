/** An `auth` with a shared secret, as it comes out of the configuration; tests change what they are about. */
import type { AuthConfig, JwtConfig } from '../../config.js';

export const JWT_SECRET = 'a secret of some length, for HS256';

export function jwtConfig(change: Partial<JwtConfig> = {}): JwtConfig {
  return {
    key: { type: 'secret', secret: JWT_SECRET },
    algorithms: ['HS256'],
    issuer: undefined,
    audience: undefined,
    query: undefined,
    cookie: undefined,
    isExpiryRequired: false,
    isEndedAtExpiry: true,
    toleranceMs: 5000,
    ...change,
  };
}

export function authConfig(change: Partial<JwtConfig> = {}): AuthConfig {
  return { jwt: jwtConfig(change), forward: undefined, principalHeader: undefined, stripToken: false };
}
