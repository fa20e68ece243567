/**
 * Schema of a route's `auth`. The key stays what the file says, a secret or a public key or its path: reading it, and
 * what depends on its type, is done in jwt-keys.ts.
 */
import type { z } from 'zod';
import { choice, list, map, refuse, text } from './schema-parts.js';

export interface ParsedAuth {
  readonly jwt: ParsedJwt;
}

export interface ParsedJwt {
  /** undefined: the default of the key. */
  readonly algorithms: readonly string[] | undefined;
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
}

export const PUBLIC_KEY = 'a public key in PEM, or the path of a file with one';

/** As long as our own must be, for the same reason: one token is enough to guess at it offline. */
const JWT_SECRET_LENGTH = 16;

/** `none` is not among them, and never will be. */
const ALGORITHMS = 'HS256 HS384 HS512 RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA'.split(' ');

const KEYS = ['secret', 'publicKey'];

const claim = (expected: string): z.ZodType<string> => text(expected, (value) => (value === '' ? undefined : value));

const jwt: z.ZodType<ParsedJwt> = map({
  secret: text(`a secret of at least ${JWT_SECRET_LENGTH} characters`, (value) =>
    value.length >= JWT_SECRET_LENGTH ? value : undefined,
  )
    .optional()
    .describe('Secret that the issuer signs with (HS…).'),
  publicKey: text(PUBLIC_KEY, (value) => (value === '' || value.includes('\0') ? undefined : value))
    .optional()
    .describe('Public key of the issuer in PEM, or the path of its file, relative to the folder of this file.'),
  algorithms: list(choice(ALGORITHMS), 'a list of at least one algorithm')
    .optional()
    .describe('Algorithms that are taken. Default: by the key, HS256, RS256, ES256, ES384, ES512 or EdDSA.'),
  issuer: claim('the issuer (`iss`) that tokens must have')
    .optional()
    .describe('What `iss` must be. Absent: anything.'),
  audience: claim('the audience (`aud`) that tokens must have')
    .optional()
    .describe('What `aud` must be or hold. Absent: anything.'),
})
  .transform(({ secret, publicKey, algorithms, issuer, audience }, context): ParsedJwt => {
    if ((secret === undefined) === (publicKey === undefined)) {
      return refuse(context, `exactly one of ${KEYS.join(' and ')}`);
    }
    return { algorithms, issuer, audience };
  })
  .meta({ oneOf: KEYS.map((key) => ({ required: [key] })) });

export const authSchema: z.ZodType<ParsedAuth> = map({
  jwt: jwt.describe("JSON Web Tokens, in the client's hello or Authorization header; `sub` becomes the principal."),
});
