/**
 * Schema of a pool's `sticky`: exactly one of five ways to know a client again, or the preset `engine.io`. A map
 * with one key per way, not `{by: …, name: …}`: in the file it reads like the sentence "sticky by query sid".
 */
import type { StickyConfig } from '@holdfast/worker';
import { z } from 'zod';
import { parseCookieName, parseHeaderName } from './formats.js';
import { duration, integer, map, refuse, text } from './schema-parts.js';

const DAY_MS = 86_400_000;
const DEFAULT_TTL_MS = 3_600_000;
const WAYS = 'query, header, path, cookie, address';

interface GivenSticky {
  readonly query: string | undefined;
  readonly header: string | undefined;
  readonly path: number | undefined;
  readonly cookie: string | undefined;
  readonly address: true | undefined;
  readonly ttl: number;
}

const ways = map({
  query: text('the name of a query parameter', (name) => (/^[^\s&=#]{1,128}$/.test(name) ? name : undefined))
    .optional()
    .describe('Name of the query parameter.'),
  header: text('the name of a header (letters, digits and -)', parseHeaderName)
    .optional()
    .describe('Name of the header.'),
  path: integer({ max: 100 }).optional().describe('Segment of the path, counted from 0: of /rooms/42, 1 is 42.'),
  cookie: text('the name of a cookie (letters, digits, - and _)', parseCookieName)
    .optional()
    .describe('Name of a cookie that Holdfast issues and signs.'),
  address: z.literal(true, { error: 'true' }).optional().describe("The client's address."),
  ttl: duration({ max: 366 * DAY_MS })
    .prefault('1h')
    .describe('Duration for which a binding is kept after its last use. 0, for cookies only: until the browser ends.'),
})
  .transform((given, context): StickyConfig => {
    const { ttl, ...names } = given;
    const count = Object.values(names).filter((value) => value !== undefined).length;
    if (count !== 1) return refuse(context, `exactly one of ${WAYS}`);
    if (ttl === 0 && given.cookie === undefined)
      return refuse(context, 'a ttl above 0 (0 is for cookies only)', 'ttl 0');
    return toSticky(given as GivenSticky);
  })
  .meta({ oneOf: WAYS.split(', ').map((way) => ({ required: [way] })) });

export const stickySchema: z.ZodType<StickyConfig> = z.union(
  [z.literal('engine.io').transform((by): StickyConfig => ({ by, ttlMs: DEFAULT_TTL_MS })), ways],
  { error: `engine.io, or a map with exactly one of ${WAYS}` },
);

function toSticky({ query, header, path, cookie, ttl: ttlMs }: GivenSticky): StickyConfig {
  if (query !== undefined) return { by: 'query', name: query, ttlMs };
  if (header !== undefined) return { by: 'header', name: header, ttlMs };
  if (path !== undefined) return { by: 'path', segment: path, ttlMs };
  if (cookie !== undefined) return { by: 'cookie', name: cookie, ttlMs };
  return { by: 'address', ttlMs };
}
