/**
 * The schema of the configuration file: the one place where a key is named, documented and given its default. The
 * JSON Schema for editors is made from it (json-schema.ts), and what parsing gives is already in the worker's
 * terms: milliseconds, bytes, every default in place. Checks that need more than one value are in cross-checks.ts.
 */
import type {
  AdmissionConfig,
  DrainConfig,
  ListenConfig,
  LogConfig,
  OverloadConfig,
  RebalanceConfig,
  StateConfig,
  TopicRule,
} from '@holdfast/worker';
import { z } from 'zod';
import { drainSchema } from './schema-drain.js';
import { type Address, parseAddress, parseCidr, parseName, parseRedisUrl } from './formats.js';
import { admissionSchema, overloadSchema, rebalanceSchema } from './schema-capacity.js';
import { choice, duration, flag, integer, list, map, text, textOrNumber } from './schema-parts.js';
import { type ParsedPool, poolSchema } from './schema-pool.js';
import { type ParsedRoute, routeSchema } from './schema-route.js';
import { listenerTlsSchema, type ParsedTls } from './schema-tls.js';
import { proxyProtocolSchema } from './schema-proxy.js';
import { topicSchema } from './schema-topic.js';

export type ParsedListener = Omit<ListenConfig, 'tls'> & { readonly tls: ParsedTls | undefined };

export interface ParsedConfig {
  readonly listen: readonly ParsedListener[];
  readonly admin: { readonly address: Address; readonly token: string | undefined } | undefined;
  readonly workers: number | 'auto';
  readonly state: StateConfig;
  readonly secrets: readonly string[] | undefined;
  readonly trustedProxies: readonly string[];
  readonly drain: DrainConfig;
  readonly logs: LogConfig;
  readonly admission: AdmissionConfig;
  readonly overload: OverloadConfig;
  readonly rebalance: RebalanceConfig;
  readonly routes: readonly ParsedRoute[];
  readonly pools: Readonly<Record<string, ParsedPool>>;
  readonly topics: readonly TopicRule[];
}

/** Shorter ones can be guessed offline from one signed cookie. */
export const MIN_SECRET_LENGTH = 16;

const ADDRESS = 'an address such as 127.0.0.1:8080, [::1]:8080, :8080 or 8080';
const REDIS_URL =
  'redis://host:6379, redis+sentinel://host:26379/master-name or redis+cluster://host:6379 (rediss for TLS)';
const SECRET = `a secret of at least ${MIN_SECRET_LENGTH} characters`;

const address: z.ZodType<Address> = textOrNumber(ADDRESS, parseAddress);
const listener: z.ZodType<ParsedListener> = map({
  address: address.describe(
    'host:port, [ipv6]:port, :port or a port alone (all IPv4 addresses); [::]:port is IPv6 and IPv4.',
  ),
  tls: listenerTlsSchema.optional().describe('Absent: plain ws and http.'),
  proxyProtocol: proxyProtocolSchema
    .optional()
    .describe('Clients come through a proxy that names them in a PROXY header. Absent: such a header is refused.'),
}).transform(({ address, tls, proxyProtocol }) => ({ ...address, tls, proxyProtocol }));

const token: z.ZodType<string | undefined> = text(
  'a token of visible ASCII characters without spaces, or an empty text for none',
  (value) => (/^[\x21-\x7e]*$/.test(value) ? { value } : undefined),
).transform(({ value }) => (value === '' ? undefined : value));

const admin = map({
  address: address.describe('Where the admin API and the metrics are served, for example 127.0.0.1:8081.'),
  token: token
    .optional()
    .describe('Bearer token that every call must carry; needed on anything but a loopback address.'),
}).transform(({ address, token }) => ({ address, token }));

const redisUrl: z.ZodType<string> = text(REDIS_URL, parseRedisUrl, '^rediss?(\\+(sentinel|cluster))?://');
const redis: z.ZodType<StateConfig> = map({
  url: redisUrl.describe(
    'redis://[user:password@]host:port[/database], redis+sentinel://host:port[,host:port…]/master-name[/database] or redis+cluster://host:port[,host:port…]; rediss, rediss+sentinel, rediss+cluster for TLS.',
  ),
  prefix: text('a prefix without spaces and braces, at most 64 long', (value) =>
    /^[^\s{}]{1,64}$/.test(value) ? value : undefined,
  )
    .prefault('holdfast:')
    .describe('Put before every key, so that several fleets can share one server.'),
  commandTimeout: duration({ min: 10 })
    .prefault('1s')
    .describe('Duration after which a command has failed and the worker goes on without the answer.'),
}).transform(({ url, prefix, commandTimeout }) => ({ engine: 'redis', url, prefix, commandTimeoutMs: commandTimeout }));

const stateText: z.ZodType<StateConfig> = text(`embedded, or ${REDIS_URL}`, (value): StateConfig | undefined => {
  if (value === 'embedded') return { engine: 'embedded' };
  return parseRedisUrl(value) === undefined ? undefined : redis.parse({ url: value });
});

const state: z.ZodType<StateConfig> = z.union([stateText, redis], {
  error: `embedded, ${REDIS_URL}, or a map with url, prefix and commandTimeout`,
});

const secretText: z.ZodType<string> = text(SECRET, (value) =>
  value.length >= MIN_SECRET_LENGTH ? value : undefined,
).meta({
  minLength: MIN_SECRET_LENGTH,
});
const secret: z.ZodType<string[]> = z.union(
  [secretText.transform((one) => [one]), list(secretText, 'a list of at least one secret')],
  { error: `${SECRET}, or a list of them` },
);

const logs: z.ZodType<LogConfig> = map({
  level: choice(['debug', 'info', 'warn', 'error']).default('info').describe('Least severity that is logged.'),
  access: flag().default(true).describe('One line per connection or request, at its end.'),
}).transform(({ level, access }) => ({ level, access }));

const workers: z.ZodType<number | 'auto'> = z.union([z.literal('auto'), integer({ min: 1, max: 256 })], {
  error: 'auto or a whole number from 1 to 256',
});

const poolName: z.ZodType<string> = text('a name of letters, digits, ., _ and -, at most 64 long', parseName);

export const configSchema: z.ZodType<ParsedConfig> = map({
  $schema: z.string({ error: 'the address of a JSON Schema' }).optional().describe('For editors only.'),
  listen: list(listener, 'a list of at least one listener').describe('Addresses that clients connect to.'),
  admin: admin.optional().describe('The admin API. Absent: none.'),
  workers: workers.default('auto').describe('Worker processes, 1–256; auto: one per core.'),
  state: state
    .prefault('embedded')
    .describe('What workers share: embedded (this machine only), or a Redis that several balancers share.'),
  secret: secret
    .optional()
    .describe(
      'Signs cookies, trunks and resume tokens; a list: the first signs, all verify. Session pools need one. Absent: made up at the start.',
    ),
  trustedProxies: z
    .array(text('an IP address or a CIDR block such as 10.0.0.0/8', parseCidr), { error: 'a list of addresses' })
    .default([])
    .describe('Addresses and CIDR blocks whose X-Forwarded-* and Forwarded headers are believed.'),
  drain: drainSchema.prefault({}).describe('How this balancer stops.'),
  logs: logs.prefault({}).describe('What is logged.'),
  admission: admissionSchema.prefault({}).describe('How fast clients are let in.'),
  overload: overloadSchema.prefault({}).describe('When a worker is under pressure.'),
  rebalance: rebalanceSchema.prefault({}).describe('Spreads sessions anew after a scale-out. false: never.'),
  routes: list(routeSchema, 'a list of at least one route').describe(
    'In order: the first match wins; no match is 404.',
  ),
  pools: z
    .record(poolName as z.ZodType<string, string>, poolSchema, { error: 'a map of pools by name' })
    .describe('Groups of backends by name.'),
  topics: z
    .array(topicSchema, { error: 'a list of rules for topics' })
    .default([])
    .describe('In order: the first match wins; a topic that none matches has the defaults of a rule.'),
}).transform((given) => ({
  listen: given.listen,
  admin: given.admin,
  workers: given.workers,
  state: given.state,
  secrets: given.secret,
  trustedProxies: given.trustedProxies,
  drain: given.drain,
  logs: given.logs,
  admission: given.admission,
  overload: given.overload,
  rebalance: given.rebalance,
  routes: given.routes,
  pools: given.pools,
  topics: given.topics,
}));
