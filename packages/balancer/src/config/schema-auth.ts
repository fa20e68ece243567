/**
 * Schema of a route's `auth`: who may come in, by a JWT, by the word of another service, or by both. The key of a JWT stays what the
 * file says, a secret, a public key or its path, or the URL of keys: reading it, and what depends on its type, is done in jwt-keys.ts.
 */
import type { ForwardAuthConfig, JwtConfig } from '@holdfast/worker';
import type { z } from 'zod';
import { parseCookieName, parseHttpUrl, parseIdentityHeader, parseHeaderName } from './formats.js';
import { choice, duration, flag, list, map, refuse, text } from './schema-parts.js';

export interface ParsedAuth {
  readonly jwt: ParsedJwt | undefined;
  readonly forward: ForwardAuthConfig | undefined;
  readonly principalHeader: string | undefined;
  readonly stripToken: boolean;
}

export interface ParsedJwt extends Omit<JwtConfig, 'key' | 'algorithms'> {
  /** undefined: the default of the key. */
  readonly algorithms: readonly string[] | undefined;
  /** Of the URL of keys. */
  readonly cooldownMs: number;
}

export const PUBLIC_KEY = 'a public key in PEM, or the path of a file with one';

/** As long as our own must be, for the same reason: one token is enough to guess at it offline. */
const JWT_SECRET_LENGTH = 16;

/** `none` is not among them, and never will be. */
const ALGORITHMS = 'HS256 HS384 HS512 RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA'.split(' ');

const KEYS = ['secret', 'publicKey', 'jwks'];
const URL_EXPECTED = 'an http or https URL without credentials, such as https://id.example.com/keys';
const IDENTITY = 'the name of a header that is not one of the connection or of a proxy, such as x-user';

const notEmpty = (expected: string): z.ZodType<string> => text(expected, (value) => (value === '' ? undefined : value));
const identityHeader = (): z.ZodType<string> => text(IDENTITY, parseIdentityHeader);

const jwt: z.ZodType<ParsedJwt> = map({
  secret: text(`a secret of at least ${JWT_SECRET_LENGTH} characters`, (value) =>
    value.length >= JWT_SECRET_LENGTH ? value : undefined,
  )
    .optional()
    .describe('Secret that the issuer signs with (HS…).'),
  publicKey: text(PUBLIC_KEY, (value) => (value === '' || value.includes('\0') ? undefined : value))
    .optional()
    .describe('Public key of the issuer in PEM, or the path of its file, relative to the folder of this file.'),
  jwks: text(URL_EXPECTED, parseHttpUrl).optional().describe("URL of the issuer's public keys (a JSON Web Key Set)."),
  refetch: duration({ min: 1000 })
    .prefault('30s')
    .describe('Duration: an unknown key is looked for at `jwks` at most this often.'),
  algorithms: list(choice(ALGORITHMS), 'a list of at least one algorithm')
    .optional()
    .describe('Algorithms that are taken; required with `jwks`. Default: by the key, HS256, RS256, ES256 … or EdDSA.'),
  issuer: notEmpty('the issuer (`iss`) that tokens must have')
    .optional()
    .describe('What `iss` must be. Absent: anything.'),
  audience: notEmpty('the audience (`aud`) that tokens must have')
    .optional()
    .describe('What `aud` must be or hold. Absent: anything.'),
  query: notEmpty('the name of a query parameter')
    .optional()
    .describe('Query parameter that may hold the token. Absent: none.'),
  cookie: text('the name of a cookie', parseCookieName)
    .optional()
    .describe('Cookie that may hold the token. Absent: none.'),
  expiry: choice(['required', 'optional'])
    .default('required')
    .describe('optional: tokens without `exp` are taken, too, and are good for ever.'),
  onExpiry: choice(['close', 'keep'])
    .default('close')
    .describe('What becomes of a connection whose token runs out and is not refreshed.'),
  tolerance: duration({ max: 300_000 }).prefault('5s').describe('Duration by which clocks may differ.'),
})
  .transform((given, context): ParsedJwt => {
    const keys = [given.secret, given.publicKey, given.jwks].filter((key) => key !== undefined);
    if (keys.length !== 1) return refuse(context, `exactly one of ${KEYS.slice(0, -1).join(', ')} and ${KEYS.at(-1)}`);
    if (given.jwks !== undefined && given.algorithms === undefined) {
      return refuse(context, 'algorithms beside jwks: a token must not choose its own');
    }
    const { algorithms, issuer, audience, query, cookie } = given;
    return {
      algorithms,
      issuer,
      audience,
      query,
      cookie,
      isExpiryRequired: given.expiry === 'required',
      isEndedAtExpiry: given.onExpiry === 'close',
      toleranceMs: given.tolerance,
      cooldownMs: given.refetch,
    };
  })
  .meta({ oneOf: KEYS.map((key) => ({ required: [key] })) });

const forward: z.ZodType<ForwardAuthConfig> = map({
  url: text(URL_EXPECTED, parseHttpUrl).describe(
    'Asked with GET: 2xx lets the client in, 401 and 403 are passed on to it.',
  ),
  timeout: duration({ min: 1, max: 60_000 })
    .prefault('2s')
    .describe('Duration until the whole answer has to be here; else the client gets 503.'),
  headers: list(text('the name of a header', parseHeaderName), 'a list of at least one name of a header')
    .prefault(['authorization', 'cookie'])
    .describe("Headers of the client's request that the service gets, besides X-Forwarded-* and X-Request-Id."),
  copy: list(identityHeader(), 'a list of at least one name of a header')
    .optional()
    .describe("Headers of the service's answer that the backend gets; never the client's own. Absent: none."),
  principal: identityHeader()
    .optional()
    .describe("Header of the service's answer that names the principal. Absent: nobody in particular."),
}).transform(({ url, timeout, headers, copy, principal }) => ({
  url,
  timeoutMs: timeout,
  headers,
  copy: copy ?? [],
  principal,
}));

export const authSchema: z.ZodType<ParsedAuth> = map({
  jwt: jwt
    .optional()
    .describe("JSON Web Tokens, in an SDK client's hello or any other's request; `sub` is the principal."),
  forward: forward.optional().describe('Another service is asked about every client. With `jwt`, both have to agree.'),
  principalHeader: identityHeader()
    .optional()
    .describe(
      "Relay pools: header that tells the backend the principal; never the client's own. Absent: it is not told.",
    ),
  stripToken: flag().default(false).describe('The backend does not get the token, wherever `jwt` looks for it.'),
}).transform((given, context): ParsedAuth => {
  const { jwt: token, forward: service, principalHeader, stripToken } = given;
  if (token === undefined && service === undefined) return refuse(context, 'at least one of jwt and forward');
  if (stripToken && token === undefined)
    return refuse(context, 'jwt beside stripToken: nothing else has a token to strip');
  return { jwt: token, forward: service, principalHeader, stripToken };
});
