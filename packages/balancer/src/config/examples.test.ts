import { DEFAULT_TOPIC_RULE } from '@holdfast/worker';
import { describe, expect, it } from 'vitest';
import { configOf } from './testing/files.js';

/** The documented example, with everything else that a file may say. */
const EXAMPLE = `
listen:
  - address: 0.0.0.0:8080
admin: { address: 127.0.0.1:8081, token: "\${HOLDFAST_ADMIN_TOKEN:-}" }
workers: \${WORKERS:-2}
state: \${STATE:-embedded}
secret: "\${HOLDFAST_SECRET}"
trustedProxies: [10.0.0.0/8]
drain: { timeout: 1m }
logs: { level: debug, access: "\${ACCESS:-false}" }
admission: { perSecond: 500, fleetPerSecond: 2000 }
overload: { memory: 512MiB, eventLoopLag: 2s }
rebalance: { balancers: false, backends: true, perSecond: 20 }
routes:
  - match: { host: Chat.Example.com, path: /chat, header: { X-Tenant: true, X-V: "2" }, query: { EIO: true }, upgrade: true }
    pool: chat
    origins: [https://example.com]
    compression: true
    auth: { jwt: { secret: "\${JWT_SECRET:-the secret of an issuer}", algorithms: [HS256, HS512], issuer: me, audience: chat } }
    limits: { messageBytes: 1MiB, messagesPerSecond: 100, connectionsPerAddress: 200, idle: 120s, lifetime: 0, buffer: 64KiB }
  - match: { path: / }
    pool: web
    rewrite: { stripPrefix: /app, replacePrefix: /v2/, host: app.internal }
pools:
  chat:
    kind: session
    backends: [ http://127.0.0.1:3001, { url: http://127.0.0.1:3002, weight: 2, id: b2 } ]
    balance: least-connections
    health: false
    outlier: false
    onBackendLoss: close
    resumeWindow: 5m
    heartbeat: 25s
    trunkPath: /trunk
    maxHandoffs: 10
  web:
    kind: relay
    backends: { dns: web.internal, port: 3000, refresh: 10s }
    sticky: { query: sid }
    health: { type: websocket, path: /, interval: 2s, timeout: 1s, fall: 3, rise: 2 }
    timeouts: { connect: 5s, handshake: 10s, idle: 1h, response: 60s }
    slowStart: 30s
    panicThreshold: 0
    retries: 1
topics:
  - { match: "room:*", history: { messages: 1000, age: 24h }, presence: true, publishesPerSecond: 0, messageBytes: 1MiB }
  - { match: ticker, history: false }
  - { match: "*", presence: "\${PRESENCE:-true}" }
`;

const env = { HOLDFAST_SECRET: 'a secret of the tests' };

describe('the documented example', () => {
  it('is read as it is documented', async () => {
    const config = await configOf(EXAMPLE, env);
    expect(config.workers).toBe(2);
    expect(config.admin).toEqual({ host: '127.0.0.1', port: 8081, token: undefined });
    expect(config.worker).toMatchObject({
      secrets: ['a secret of the tests'],
      trustedProxies: ['10.0.0.0/8'],
      drain: { graceMs: 0, windowMs: undefined, timeoutMs: 60_000, closesPerSecond: 0 },
      logs: { level: 'debug', access: false },
      admission: { perSecond: 500, fleetPerSecond: 2000 },
      overload: { memoryBytes: 512 * 1024 * 1024, eventLoopLagMs: 2000 },
      rebalance: { balancers: false, backends: true, perSecond: 20 },
      state: { engine: 'embedded' },
    });
    expect(config.worker.routes).toMatchObject([
      {
        name: 'chat',
        match: {
          host: 'chat.example.com',
          path: '/chat',
          headers: { 'x-tenant': '*', 'x-v': '2' },
          query: { EIO: '*' },
          upgrade: true,
        },
        origins: ['https://example.com'],
        compression: true,
        auth: {
          jwt: {
            key: { type: 'secret', secret: 'the secret of an issuer' },
            algorithms: ['HS256', 'HS512'],
            issuer: 'me',
            audience: 'chat',
          },
        },
        limits: { messagesPerSecond: 100, connectionsPerAddress: 200, bufferBytes: 65_536 },
      },
      { name: 'web', rewrite: { stripPrefix: '/app', replacePrefix: '/v2', host: 'app.internal' } },
    ]);
    expect(config.worker.pools['chat']).toMatchObject({
      session: {
        onBackendLoss: 'close',
        resumeWindowMs: 300_000,
        heartbeatMs: 25_000,
        trunkPath: '/trunk',
        maxHandoffs: 10,
      },
      backends: {
        type: 'static',
        backends: [
          { id: '127.0.0.1:3001', weight: 1 },
          { id: 'b2', weight: 2 },
        ],
      },
      balance: 'least-connections',
      health: undefined,
      outlier: { consecutiveFailures: 0 },
    });
    expect(config.worker.pools['web']).toMatchObject({
      session: undefined,
      backends: { type: 'dns', record: 'dns', name: 'web.internal', scheme: 'http', port: 3000, refreshMs: 10_000 },
      sticky: { by: 'query', name: 'sid', ttlMs: 3_600_000 },
      health: { type: 'websocket' },
      slowStartMs: 30_000,
      panicThreshold: 0,
      retries: 1,
    });
    expect(config.worker.topics).toEqual([
      {
        match: 'room:*',
        history: { messages: 1000, ageMs: 86_400_000 },
        presence: true,
        publishesPerSecond: 0,
        messageBytes: 1_048_576,
      },
      { ...DEFAULT_TOPIC_RULE, match: 'ticker', history: { messages: 0, ageMs: 300_000 } },
      { ...DEFAULT_TOPIC_RULE, match: '*', presence: true },
    ]);
  });

  it.each(['redis://host:6379', 'rediss://host', 'redis+sentinel://a,b:1/main', 'rediss+cluster://a,b:1'])(
    'takes the state from a variable: %s',
    async (url) => {
      const state = { engine: 'redis', url, prefix: 'holdfast:', commandTimeoutMs: 1000 };
      expect((await configOf(EXAMPLE, { ...env, STATE: url })).worker.state).toEqual(state);
    },
  );

  it('takes numbers and booleans from variables', async () => {
    const config = await configOf(EXAMPLE, { ...env, WORKERS: '7', ACCESS: 'true' });
    expect([config.workers, config.worker.logs.access]).toEqual([7, true]);
  });

  it('does not let a variable add keys', async () => {
    const config = await configOf(EXAMPLE, {
      HOLDFAST_SECRET: 'sixteen letters x\nworkers: 9',
      HOLDFAST_ADMIN_TOKEN: '${WORKERS}',
    });
    expect(config.worker.secrets).toEqual(['sixteen letters x\nworkers: 9']);
    expect(config.admin?.token).toBe('${WORKERS}');
  });
});

describe('other forms', () => {
  const withPool = (pool: string, top = ''): string =>
    `listen: [ { address: 80 } ]\nroutes: [ { pool: p } ]\n${top}\npools:\n  p: { backends: [ http://a ], ${pool} }\n`;

  it.each([
    ['engine.io', { by: 'engine.io', ttlMs: 3_600_000 }],
    ['{ header: X-Room, ttl: 1d }', { by: 'header', name: 'x-room', ttlMs: 86_400_000 }],
    ['{ path: 1 }', { by: 'path', segment: 1, ttlMs: 3_600_000 }],
    ['{ path: "${UNSET:-0}" }', { by: 'path', segment: 0, ttlMs: 3_600_000 }],
    ['{ cookie: lb, ttl: 0 }', { by: 'cookie', name: 'lb', ttlMs: 0 }],
    ['{ address: true }', { by: 'address', ttlMs: 3_600_000 }],
  ])('takes sticky: %s', async (text, sticky) => {
    expect((await configOf(withPool(`sticky: ${text}`))).worker.pools['p']?.sticky).toEqual(sticky);
  });

  it.each([
    ['204', { min: 204, max: 204 }],
    ['"200-299"', { min: 200, max: 299 }],
    ['200-299', { min: 200, max: 299 }],
  ])('takes expect: %s', async (text, expected) => {
    const config = await configOf(withPool(`health: { type: http, expect: ${text} }`));
    expect(config.worker.pools['p']?.health?.expect).toEqual(expected);
  });

  it('switches health checks off with a variable', async () => {
    expect((await configOf(withPool('health: "${H:-false}"'))).worker.pools['p']?.health).toBeUndefined();
  });

  it('fills the defaults of a session pool', async () => {
    const config = await configOf(withPool('kind: session', 'secret: 0123456789abcdef'));
    expect(config.worker.pools['p']?.session).toEqual({
      trunkPath: '/.holdfast/trunk',
      onBackendLoss: 'rehome',
      resumeWindowMs: 120_000,
      heartbeatMs: 15_000,
      maxHandoffs: 100,
    });
  });

  it('takes the kind of a pool from a variable', async () => {
    const text = withPool('kind: "${KIND:-relay}"', 'secret: 0123456789abcdef');
    expect((await configOf(text)).worker.pools['p']?.session).toBeUndefined();
    expect((await configOf(text, { KIND: 'session' })).worker.pools['p']?.session).toBeDefined();
  });

  it('takes several secrets', async () => {
    const config = await configOf(withPool('', 'secret: [ aaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbb ]'));
    expect(config.worker.secrets).toEqual(['aaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbb']);
  });

  it('takes as many workers as there are cores', async () => {
    expect((await configOf(withPool('', 'workers: auto'))).workers).toBeGreaterThan(0);
  });

  it('takes SRV records', async () => {
    const config = await configOf(
      withPool('').replace('[ http://a ]', '{ srv: _ws._tcp.a, scheme: https, refresh: 5s }'),
    );
    expect(config.worker.pools['p']?.backends).toEqual({
      type: 'dns',
      record: 'srv',
      name: '_ws._tcp.a',
      scheme: 'https',
      port: 0,
      refreshMs: 5000,
    });
  });

  it('merges what stands under an anchor, and lets the map itself win', async () => {
    const text = `listen: [ { address: 80 } ]
routes: [ { pool: a }, { pool: b } ]
pools:
  a: &a { backends: [ http://a ], retries: 5, balance: round-robin }
  b: { retries: 1, <<: *a }
`;
    const { pools } = (await configOf(text)).worker;
    expect(pools['b']).toMatchObject({ name: 'b', retries: 1, balance: 'round-robin' });
  });
});
