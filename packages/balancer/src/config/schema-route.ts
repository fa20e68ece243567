/**
 * Schema of one entry of `routes`: conditions, pool, rewriting, access, credentials and limits. What comes out is the worker's
 * RouteConfig but for what resolve.ts adds: the name, which depends on the other routes, and the key of `auth`, which
 * may be in a file.
 */
import type { RewriteConfig, RouteConfig, RouteMatch } from '@holdfast/worker';
import { z } from 'zod';
import { parseHeaderName, parseHostHeader, parseHostPattern, parseName, parseOrigin, parsePath } from './formats.js';
import { accessSchema } from './schema-access.js';
import { type ParsedAuth, authSchema } from './schema-auth.js';
import { limitsSchema } from './schema-limits.js';
import { flag, list, map, text } from './schema-parts.js';

export type ParsedRoute = Omit<RouteConfig, 'name' | 'auth'> & {
  readonly name: string | undefined;
  readonly auth: ParsedAuth | undefined;
};

const PATH = 'a path that starts with / and has no query, such as /chat';

/** `true` stands for "present", which the worker writes `*`. */
const condition: z.ZodType<string> = z
  .union([z.literal(true), z.string()], { error: 'true (present) or a text in quotes' })
  .transform((value) => (value === true ? '*' : value));

const headerName: z.ZodType<string> = text('the name of a header (letters, digits and -)', parseHeaderName);

const match: z.ZodType<RouteMatch> = map({
  host: text('a host such as chat.example.com or *.example.com, without port', parseHostPattern)
    .optional()
    .describe('Host asked for, without port: exact, or *.suffix for any depth below it. Absent: any.'),
  path: text(PATH, parsePath)
    .prefault('/')
    .describe('Path prefix on segment boundaries: /chat matches /chat and /chat/x, not /chatter.'),
  header: z
    .record(headerName as z.ZodType<string, string>, condition)
    .optional()
    .describe('Header name → value that it must have, or true for "present".'),
  query: z
    .record(z.string(), condition)
    .optional()
    .describe('Query parameter → value that it must have, or true for "present".'),
  upgrade: flag().optional().describe('true: WebSocket handshakes only; false: everything else only. Absent: both.'),
}).transform(({ host, path, header, query, upgrade }) => ({
  host,
  path,
  headers: header ?? {},
  query: query ?? {},
  upgrade,
}));

const rewrite: z.ZodType<RewriteConfig> = map({
  stripPrefix: text(PATH, parsePath).optional().describe('Path prefix that is removed before the backend sees it.'),
  replacePrefix: text(PATH, parsePath)
    .optional()
    .describe('Put in place of stripPrefix, or of the matched path when that is absent.'),
  host: text('a host with or without port, such as app.internal:3000', parseHostHeader)
    .optional()
    .describe("Host header that the backend gets. Absent: the client's."),
}).transform(({ stripPrefix, replacePrefix, host }) => ({ stripPrefix, replacePrefix, host }));

export const routeSchema: z.ZodType<ParsedRoute> = map({
  name: text('a name of letters, digits, ., _ and -, at most 64 long', parseName)
    .optional()
    .describe("Metric label and log field, unique. Default: the pool's name, numbered when it repeats."),
  match: match.prefault({}).describe('Conditions, all of which must hold. Absent: everything matches.'),
  pool: z.string({ error: 'the name of a pool' }).describe('Pool that serves what matches: a key of `pools`.'),
  rewrite: rewrite.prefault({}).describe('What changes in a request on its way to the backend.'),
  access: accessSchema.prefault({}).describe('Client addresses that may come in. Absent: all.'),
  origins: list(
    text('an origin such as https://example.com, without path', parseOrigin),
    'a list of at least one origin such as https://example.com',
  )
    .optional()
    .describe('Origins whose pages may open WebSockets here. Absent: all, also clients that send none.'),
  compression: flag()
    .default(false)
    .describe('Offer permessage-deflate to clients. It costs memory and CPU for every connection.'),
  auth: authSchema.optional().describe('Who may come in, by its credentials. Absent: whoever the backends take.'),
  limits: limitsSchema.prefault({}).describe('What clients may do, and how many of them.'),
}).transform((given) => ({
  name: given.name,
  match: given.match,
  pool: given.pool,
  rewrite: given.rewrite,
  access: given.access,
  origins: given.origins,
  compression: given.compression,
  auth: given.auth,
  limits: given.limits,
}));
