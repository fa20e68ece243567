import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadConfig } from './load.js';
import { configOf, load, mistakesIn, testFolder } from './testing/files.js';

const GOOD = `listen:
  - address: 127.0.0.1:8080
secret: 0123456789abcdef
routes:
  - pool: web
pools:
  web:
    backends: [ http://127.0.0.1:3000 ]
`;

describe('loadConfig', () => {
  it('fills every default', async () => {
    const config = await configOf(`workers: 3\n${GOOD}`);
    expect(config).toEqual({
      workers: 3,
      admin: undefined,
      worker: {
        listen: [{ host: '127.0.0.1', port: 8080, tls: undefined, proxyProtocol: undefined }],
        secrets: ['0123456789abcdef'],
        trustedProxies: [],
        state: { engine: 'embedded' },
        logs: { level: 'info', access: true },
        admission: { perSecond: 1000, fleetPerSecond: 0 },
        overload: { memoryBytes: 0, eventLoopLagMs: 1000 },
        rebalance: { balancers: true, backends: true, perSecond: 10 },
        drain: { graceMs: 0, windowMs: undefined, timeoutMs: 30_000, closesPerSecond: 0 },
        routes: [
          {
            name: 'web',
            match: { host: undefined, path: '/', headers: {}, query: {}, upgrade: undefined },
            pool: 'web',
            rewrite: { stripPrefix: undefined, replacePrefix: undefined, host: undefined },
            access: { allow: [], deny: [] },
            origins: undefined,
            compression: false,
            auth: undefined,
            limits: {
              messageBytes: 1_048_576,
              messagesPerSecond: 0,
              bytesPerSecond: 0,
              messagesPerSecondPerAddress: 0,
              bytesPerSecondPerAddress: 0,
              messagesPerSecondPerPrincipal: 0,
              bytesPerSecondPerPrincipal: 0,
              messagesPerSecondPerRoute: 0,
              bytesPerSecondPerRoute: 0,
              ipv6Prefix: 64,
              connections: 0,
              connectionsPerAddress: 0,
              connectionsPerPrincipal: 0,
              newPerSecond: 0,
              newPerSecondPerAddress: 0,
              newPerSecondPerPrincipal: 0,
              idleMs: 120_000,
              lifetimeMs: 0,
              bufferBytes: 262_144,
            },
          },
        ],
        pools: {
          web: {
            name: 'web',
            session: undefined,
            backends: { type: 'static', backends: [{ id: '127.0.0.1:3000', url: 'http://127.0.0.1:3000', weight: 1 }] },
            proxy: undefined,
            proxyProtocol: undefined,
            balance: 'two-choices',
            sticky: undefined,
            health: {
              type: 'tcp',
              path: '/',
              expect: { min: 200, max: 399 },
              intervalMs: 2000,
              timeoutMs: 1000,
              fall: 3,
              rise: 2,
            },
            outlier: { consecutiveFailures: 5, baseEjectionMs: 10_000, maxEjectionMs: 300_000, maxEjectedPercent: 50 },
            slowStartMs: 0,
            panicThreshold: 50,
            timeouts: { connectMs: 5000, handshakeMs: 10_000, idleMs: 3_600_000, responseMs: 60_000, drainMs: 0 },
            retries: 2,
          },
        },
        topics: [],
      },
    });
  });

  it('reads the same from JSON, indented with tabs', async () => {
    const json = {
      $schema: './holdfast.schema.json',
      listen: [{ address: '127.0.0.1:8080' }],
      secret: '0123456789abcdef',
      routes: [{ pool: 'web' }],
      pools: { web: { backends: ['http://127.0.0.1:3000'] } },
    };
    expect(await configOf(JSON.stringify(json, undefined, '\t'))).toEqual(await configOf(GOOD));
  });

  it('tells the place of a mistake in JSON', async () => {
    const json =
      '{\n\t"listen": [{"address": 8080}],\n\t"routes": [{"pool": "web"}],\n\t"pools": {"web": {"backends": []}}\n}';
    expect(await mistakesIn(json)).toEqual([
      '4:32: pools.web.backends: expected a list of at least one backend, got an empty list',
    ]);
  });

  it('crosses a process border unchanged', async () => {
    const config = await configOf(GOOD);
    expect(structuredClone(config)).toEqual(config);
  });

  it('tells a file that cannot be read as a mistake', async () => {
    await using folder = await testFolder();
    const missing = await loadConfig(`${folder.path}/none.yaml`, {});
    expect(missing).toMatchObject({
      ok: false,
      mistakes: [{ line: 1, column: 1, got: 'one that cannot be read (ENOENT)' }],
    });
    expect(await loadConfig(folder.path, {})).toMatchObject({
      ok: false,
      mistakes: [{ got: 'one that cannot be read (EISDIR)' }],
    });
  });

  it.each([
    ['bytes that are no text', new Uint8Array([0xff, 0xfe, 0x00])],
    ['a file that is too large', '#'.repeat(1_048_577)],
  ])('refuses %s', async (_, content) => {
    expect(await mistakesIn(content)).toHaveLength(1);
  });

  it('takes a byte order mark for nothing', async () => {
    expect((await load(`\uFEFF${GOOD}`)).ok).toBe(true);
  });

  it('makes up a secret when there is none, and keeps one that it is given', async () => {
    await using folder = await testFolder();
    const file = await folder.write('holdfast.yaml', GOOD.replace(/secret.*\n/, ''));
    const [one, two, given] = [
      await loadConfig(file, {}),
      await loadConfig(file, {}),
      await loadConfig(file, {}, { madeUpSecret: 's' }),
    ];
    const secrets = [one, two, given].map((result) => (result.ok ? result.config.worker.secrets[0] : undefined));
    expect(secrets[0]).toMatch(/^[\w-]{43}$/);
    expect(secrets[1]).not.toBe(secrets[0]);
    expect(secrets[2]).toBe('s');
  });

  it('numbers routes of the same pool and leaves given names alone', async () => {
    const routes = [
      '{ pool: web, match: { path: /a } }',
      '{ name: web-2, pool: web, match: { path: /b } }',
      '{ pool: web }',
    ];
    const config = await configOf(GOOD.replace('  - pool: web\n', routes.map((route) => `  - ${route}\n`).join('')));
    expect(config.worker.routes.map(({ name }) => name)).toEqual(['web', 'web-2', 'web-3']);
  });

  it('gives mistakes or a configuration for any text, and never throws', { timeout: 60_000 }, async () => {
    const fragments = fc.constantFrom(
      ...GOOD.split(/(?<=\s)|(?=[[\]{},:])/),
      '&a',
      '*a',
      '<<',
      '${X}',
      '${',
      '"',
      '!!binary',
      '- ',
      '? ',
      '|',
      '\t',
    );
    const broken = fc.tuple(fc.nat(GOOD.length), fc.nat(12), fc.string({ maxLength: 5 }));
    const texts = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.json(),
      fc.array(fragments, { maxLength: 40 }).map((parts) => parts.join('')),
      broken.map(([at, length, insert]) => GOOD.slice(0, at) + insert + GOOD.slice(at + length)),
    );
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        const result = await load(text);
        const mistakes = result.ok ? [] : result.mistakes;
        expect(result.ok || mistakes.length > 0).toBe(true);
        for (const mistake of mistakes) {
          expect(mistake.line).toBeGreaterThan(0);
          expect(mistake.column).toBeGreaterThan(0);
          expect(mistake.expected + mistake.got).not.toMatch(/Invalid input|undefined|\[object/);
        }
      }),
      { numRuns: 500 },
    );
  });
});
