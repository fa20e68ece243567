/**
 * Schema of one entry of `pools`: which backends there are, what kind they are of, and how they are chosen, watched and
 * waited for. What comes out is the worker's PoolConfig but for the name, which is the key.
 */
import type {
  BackendsConfig,
  HealthConfig,
  OutlierConfig,
  PoolConfig,
  PoolTimeouts,
  SessionPoolConfig,
  StaticBackend,
} from '@holdfast/worker';
import { z } from 'zod';
import { parseBackendId, parseBackendUrl, parseHostname, parseRequestPath, parseStatusRange } from './formats.js';
import { choice, duration, integer, list, map, orFalse, refuse, text, textOrNumber } from './schema-parts.js';
import { proxyHeaderSchema, socksProxySchema } from './schema-proxy.js';
import { stickySchema } from './schema-sticky.js';
import { type ParsedPoolTls, poolTlsSchema } from './schema-tls.js';

export type ParsedPool = Omit<PoolConfig, 'name' | 'tls'> & { readonly tls: ParsedPoolTls | undefined };

const BACKEND_URL = 'the origin of a backend (http, https, ws or wss, no path) such as http://127.0.0.1:3000';
const url: z.ZodType<{ url: string; id: string }> = text(BACKEND_URL, parseBackendUrl);

const staticBackend: z.ZodType<StaticBackend> = z.union(
  [
    url.transform(({ url, id }) => ({ id, url, weight: 1 })),
    map({
      url: url.describe('Origin of the backend: http, https, ws or wss, without path.'),
      id: text('an id of letters, digits and . _ - : [ ]', parseBackendId)
        .optional()
        .describe('Unique within the pool. Default: host:port of the URL.'),
      weight: integer({ max: 1000 }).default(1).describe('Relative share of new connections, 0–1000; 0 takes none.'),
    }).transform(({ url, id, weight }) => ({ id: id ?? url.id, url: url.url, weight })),
  ],
  { error: `${BACKEND_URL}, or a map with url, id and weight` },
);

const recordName: z.ZodType<string> = text('a name in the DNS such as web.internal', parseHostname);

const discovered: z.ZodType<BackendsConfig> = map({
  dns: recordName.optional().describe('Name whose A and AAAA records are the backends.'),
  srv: recordName.optional().describe('Name whose SRV records are the backends, with their ports and weights.'),
  port: integer({ min: 1, max: 65_535 }).optional().describe('Port of every backend; with `dns` only.'),
  scheme: choice(['http', 'https']).default('http').describe('How the backends are spoken to.'),
  refresh: duration({ min: 100 }).prefault('10s').describe('Duration between two look-ups.'),
})
  .transform(({ dns, srv, port, scheme, refresh }, context): BackendsConfig => {
    if ((dns === undefined) === (srv === undefined)) return refuse(context, 'exactly one of dns and srv');
    if (srv !== undefined && port !== undefined) return refuse(context, 'no port with srv: its records carry it');
    if (dns !== undefined && port === undefined) return refuse(context, 'a port with dns');
    const record = dns === undefined ? 'srv' : 'dns';
    return { type: 'dns', record, name: dns ?? srv ?? '', scheme, port: port ?? 0, refreshMs: refresh };
  })
  .meta({ oneOf: [{ required: ['dns', 'port'] }, { required: ['srv'] }] });

const backends: z.ZodType<BackendsConfig> = z.union(
  [
    list(staticBackend, 'a list of at least one backend').transform((list) => ({
      type: 'static' as const,
      backends: list,
    })),
    discovered,
  ],
  { error: 'a list of backends, or a map with dns or srv' },
);

const health: z.ZodType<HealthConfig> = map({
  type: choice(['tcp', 'http', 'websocket'])
    .default('tcp')
    .describe('tcp: connects; http: GET; websocket: a real upgrade, ping and pong.'),
  path: text('a path that starts with /', parseRequestPath)
    .prefault('/')
    .describe('Path asked for by http and websocket.'),
  expect: textOrNumber('a status such as 204, or a range such as 200-399', parseStatusRange)
    .prefault('200-399')
    .describe('http only: statuses that pass.'),
  interval: duration({ min: 10 }).prefault('2s').describe('Duration between two checks of a backend.'),
  timeout: duration({ min: 10 }).prefault('1s').describe('Duration after which a check has failed.'),
  fall: integer({ min: 1, max: 100 }).default(3).describe('Failures in a row that take a backend out of service.'),
  rise: integer({ min: 1, max: 100 }).default(2).describe('Successes in a row that bring it back.'),
}).transform((given) => ({
  type: given.type,
  path: given.path,
  expect: given.expect,
  intervalMs: given.interval,
  timeoutMs: given.timeout,
  fall: given.fall,
  rise: given.rise,
}));

const outlier: z.ZodType<OutlierConfig> = map({
  failures: integer({ max: 1000 })
    .default(5)
    .describe('Connect, handshake or gateway failures in a row that eject a backend. 0: off.'),
  baseEjection: duration({ min: 100 })
    .prefault('10s')
    .describe('Duration of the first ejection; doubles with each further one.'),
  maxEjection: duration({ min: 100 }).prefault('5m').describe('Duration of the longest ejection.'),
  maxEjected: integer({ max: 100 }).default(50).describe("Percent of a pool's backends that may be ejected at once."),
}).transform((given) => ({
  consecutiveFailures: given.failures,
  baseEjectionMs: given.baseEjection,
  maxEjectionMs: given.maxEjection,
  maxEjectedPercent: given.maxEjected,
}));

const NO_OUTLIER: OutlierConfig = { ...outlier.parse({}), consecutiveFailures: 0 };

const timeouts: z.ZodType<PoolTimeouts> = map({
  connect: duration({ min: 1 }).prefault('5s').describe('Duration: TCP and TLS connect to a backend.'),
  handshake: duration({ min: 1 })
    .prefault('10s')
    .describe("Relay pools: duration from the connect to the backend's answer to a WebSocket handshake."),
  idle: duration({ min: 1 })
    .prefault('1h')
    .describe('Relay pools: duration without any data in either direction that ends a connection.'),
  response: duration({ min: 1 })
    .prefault('60s')
    .describe('Relay pools: duration from a sent HTTP request to the head of its response.'),
  drain: duration()
    .prefault(0)
    .describe(
      'Relay pools: duration that the WebSockets of a draining backend have to finish; then they are closed with 1012, evenly. 0: for ever.',
    ),
}).transform((given) => ({
  connectMs: given.connect,
  handshakeMs: given.handshake,
  idleMs: given.idle,
  responseMs: given.response,
  drainMs: given.drain,
}));

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/**
 * Keys of a pool that only sessions need. Parsed on every pool, so that their defaults stand in one place; a relay pool that
 * is given one is told by kind-checks.ts.
 */
const sessionShape = {
  onBackendLoss: choice(['rehome', 'close'])
    .default('rehome')
    .describe(
      "Session pools: what becomes of a lost backend's sessions. rehome: another backend gets them; close: 1012.",
    ),
  resumeWindow: duration({ min: 1000, max: DAY_MS })
    .prefault('120s')
    .describe("Session pools: duration that a session outlives its client's connection."),
  heartbeat: duration({ min: 1000, max: 5 * MINUTE_MS })
    .prefault('15s')
    .describe('Session pools: duration after which a client that heard nothing else is sent a ping.'),
  trunkPath: text('a path that starts with /', parseRequestPath)
    .prefault('/.holdfast/trunk')
    .describe("Session pools: where the backends' SDK takes trunks."),
  maxHandoffs: integer({ min: 1, max: 10_000 })
    .default(100)
    .describe('Session pools: most sessions that are handed over at once when a backend drains.'),
};

export const SESSION_KEYS: readonly string[] = Object.keys(sessionShape);

const poolMap = map({
  kind: choice(['relay', 'session'])
    .default('relay')
    .describe('relay: any WebSocket or HTTP application; session: backends that use the backend SDK.'),
  backends: backends.describe('A list of URLs or maps, or one map that finds them in the DNS.'),
  proxy: socksProxySchema
    .optional()
    .describe(
      'SOCKS5 proxy that every connection to the backends goes through, health checks and trunks included; it resolves their names. Absent: none.',
    ),
  proxyProtocol: proxyHeaderSchema
    .optional()
    .describe(
      'Relay pools: v2 begins every connection to a backend with a PROXY header that names its client, so that HTTP connections are not kept for others. Absent: none.',
    ),
  balance: choice(['round-robin', 'least-connections', 'two-choices', 'source-hash', 'consistent-hash'])
    .default('two-choices')
    .describe('How a backend is chosen for a new connection.'),
  sticky: stickySchema.optional().describe('Relay pools: what binds a client to a backend. Absent: nothing.'),
  health: orFalse<HealthConfig | undefined>(health, undefined)
    .prefault({})
    .describe('Active health checks, once per machine; false: none.'),
  outlier: orFalse(outlier, NO_OUTLIER).prefault({}).describe('Ejection by what traffic tells; false: none.'),
  tls: poolTlsSchema.optional().describe('How backends with https: and wss: are checked, and what is shown to them.'),
  slowStart: duration()
    .prefault(0)
    .describe('Duration over which a backend that comes (back) into service takes a rising share. 0: at once.'),
  panicThreshold: integer({ max: 100 })
    .default(50)
    .describe('Percent: with fewer healthy backends than this, health is taken for a false alarm. 0: never.'),
  timeouts: timeouts.prefault({}).describe('How long a backend is waited for.'),
  retries: integer({ max: 10 })
    .default(2)
    .describe('Further backends tried when one cannot be connected, before the client is answered.'),
  ...sessionShape,
});

export const poolSchema: z.ZodType<ParsedPool> = poolMap
  .transform((given) => ({
    session: given.kind === 'session' ? toSession(given) : undefined,
    backends: given.backends,
    proxy: given.proxy,
    proxyProtocol: given.proxyProtocol,
    balance: given.balance,
    sticky: given.sticky,
    health: given.health,
    outlier: given.outlier,
    tls: given.tls,
    slowStartMs: given.slowStart,
    panicThreshold: given.panicThreshold,
    timeouts: given.timeouts,
    retries: given.retries,
  }))
  .meta({
    oneOf: [
      { properties: { kind: { const: 'relay' }, ...Object.fromEntries(SESSION_KEYS.map((key) => [key, false])) } },
      { properties: { kind: { const: 'session' }, sticky: false, proxyProtocol: false }, required: ['kind'] },
    ],
  });

function toSession(given: z.output<typeof poolMap>): SessionPoolConfig {
  return {
    trunkPath: given.trunkPath,
    onBackendLoss: given.onBackendLoss,
    resumeWindowMs: given.resumeWindow,
    heartbeatMs: given.heartbeat,
    maxHandoffs: given.maxHandoffs,
  };
}
