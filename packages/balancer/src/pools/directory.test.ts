import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BackendSnapshot, BackendsConfig, PoolConfig, PoolsSnapshot } from '@holdfast/worker';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PoolDirectory } from './directory.js';
import type { NameResolver } from './resolve.js';

const health = {
  type: 'http',
  path: '/',
  expect: { min: 200, max: 399 },
  intervalMs: 50,
  timeoutMs: 500,
  fall: 2,
  rise: 2,
} as const;

function poolConfig(change: Partial<PoolConfig> & { urls?: Readonly<Record<string, string>> } = {}): PoolConfig {
  const { urls = { a: 'http://127.0.0.1:1', b: 'http://127.0.0.1:2' }, ...rest } = change;
  const backends = Object.entries(urls).map(([id, url]) => ({ id, url, weight: 1 }));
  return {
    name: 'web',
    session: undefined,
    backends: { type: 'static', backends },
    balance: 'two-choices',
    sticky: undefined,
    proxy: undefined,
    proxyProtocol: undefined,
    health: undefined,
    outlier: { consecutiveFailures: 3, baseEjectionMs: 1000, maxEjectionMs: 10_000, maxEjectedPercent: 50 },
    tls: undefined,
    slowStartMs: 5000,
    panicThreshold: 50,
    timeouts: { connectMs: 1000, handshakeMs: 1000, idleMs: 1000, responseMs: 1000, drainMs: 0 },
    retries: 1,
    ...rest,
  };
}

const directories: PoolDirectory[] = [];
afterEach(() => Promise.all(directories.splice(0).map((directory) => directory.stop())));

function newDirectory(resolver?: NameResolver) {
  const lines: Record<string, unknown>[] = [];
  const log = pino(
    { level: 'info' },
    { write: (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>) },
  );
  const deps = { random: () => 0.5, now: () => Date.now(), log };
  const directory = new PoolDirectory(resolver === undefined ? deps : { ...deps, resolver });
  directories.push(directory);
  return { directory, lines };
}

async function started(...configs: readonly PoolConfig[]) {
  const made = newDirectory();
  made.directory.configure(Object.fromEntries(configs.map((config) => [config.name, config])));
  await made.directory.start();
  return made;
}

function backend(directory: PoolDirectory, id: string, pool = 'web'): BackendSnapshot {
  return directory.snapshot()[pool]!.find((member) => member.id === id)!;
}

function failing(directory: PoolDirectory, backendId: string, failures = 3): void {
  directory.recordOutcomes([{ pool: 'web', backendId, successes: 0, failures, streak: failures }]);
}

describe('checks', () => {
  const servers: Server[] = [];
  afterEach(() => Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve)))));

  async function server() {
    const answers = { status: 200, requests: 0 };
    const http = createServer((_request, response) => {
      answers.requests += 1;
      response.writeHead(answers.status).end();
    });
    servers.push(http);
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, answers };
  }

  it('take a backend down and bring it back with a slow start, told once with why', async () => {
    const { url, answers } = await server();
    const { directory, lines } = await started(poolConfig({ urls: { a: url }, health }));
    expect(backend(directory, 'a').state).toBe('ready');
    await vi.waitFor(() => expect(directory.report()[0]!.health.status).toBe('up'));
    answers.status = 500;
    await vi.waitFor(() => expect(backend(directory, 'a').state).toBe('down'));
    expect(directory.report()[0]!.why).toContain('got 500');
    answers.status = 200;
    await vi.waitFor(() => expect(backend(directory, 'a').state).toBe('ready'));
    expect(backend(directory, 'a').slowStartedAt).toBeGreaterThan(Date.now() - 5000);
    const changes = lines.filter(({ msg }) => msg === 'backend state changed');
    expect(changes).toMatchObject([
      { from: 'ready', to: 'down', backendId: 'a', pool: 'web' },
      { from: 'down', to: 'ready' },
    ]);
  });

  it('are made once for pools that share a backend, and count for both', async () => {
    const { url, answers } = await server();
    const pools = ['web', 'api', 'chat'].map((name) => poolConfig({ name, urls: { a: url }, health }));
    const { directory } = await started(...pools);
    await vi.waitFor(() => expect(answers.requests).toBeGreaterThan(2));
    const checks = directory.report().map((report) => report.health.checks);
    expect(Math.max(...checks)).toBeLessThanOrEqual(answers.requests);
    expect(new Set(checks).size).toBe(1);
  });

  it('keep what they found over a reload, unless the URL is another', async () => {
    const { url, answers } = await server();
    answers.status = 500;
    const { directory } = await started(poolConfig({ urls: { a: url }, health }));
    await vi.waitFor(() => expect(backend(directory, 'a').state).toBe('down'));
    const slower = { ...health, intervalMs: 60_000 };
    directory.configure({ web: poolConfig({ urls: { a: url }, health: slower, slowStartMs: 0 }) });
    expect(backend(directory, 'a').state).toBe('down');
    directory.configure({ web: poolConfig({ urls: { a: `${url.slice(0, -1)}` }, health: slower }) });
    expect(backend(directory, 'a').state).toBe('ready');
  });

  it('that are configured away take their verdict along', async () => {
    const { url, answers } = await server();
    answers.status = 500;
    const { directory } = await started(poolConfig({ urls: { a: url }, health }));
    await vi.waitFor(() => expect(backend(directory, 'a').state).toBe('down'));
    directory.configure({ web: poolConfig({ urls: { a: url } }) });
    expect(backend(directory, 'a').state).toBe('ready');
  });
});

describe('ejection', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('follows failures of traffic, ends by itself and is followed by a slow start', async () => {
    const { directory } = await started(poolConfig());
    failing(directory, 'a', 2);
    expect(backend(directory, 'a').state).toBe('ready');
    failing(directory, 'a', 1);
    expect(backend(directory, 'a').state).toBe('down');
    expect(directory.report()[0]).toMatchObject({ ejectedUntil: Date.now() + 1000, ejections: 1 });
    await vi.advanceTimersByTimeAsync(1000);
    expect(backend(directory, 'a')).toMatchObject({ state: 'ready', slowStartedAt: Date.now() });
    expect(directory.report()[0]).toMatchObject({ ejectedUntil: undefined, ejections: 1 });
  });

  it('leaves at least one, and no more than the share out', async () => {
    const urls = { a: 'http://127.0.0.1:1', b: 'http://127.0.0.1:2' };
    const { directory } = await started(poolConfig({ urls }));
    failing(directory, 'a');
    failing(directory, 'b');
    expect(directory.snapshot().web!.map(({ state }) => state)).toEqual(['down', 'ready']);
  });

  it('spares the last one that takes new work', async () => {
    const { directory } = await started(poolConfig());
    directory.setOverride('b', { state: 'draining' });
    failing(directory, 'a');
    expect(backend(directory, 'a').state).toBe('ready');
  });

  it('survives a reload', async () => {
    const { directory } = await started(poolConfig());
    failing(directory, 'a');
    directory.configure({ web: poolConfig({ retries: 3 }) });
    expect(backend(directory, 'a').state).toBe('down');
    await vi.advanceTimersByTimeAsync(1000);
    expect(backend(directory, 'a').state).toBe('ready');
  });

  it('ignores reports about what is not there', async () => {
    const { directory } = await started(poolConfig());
    failing(directory, 'gone');
    directory.recordOutcomes([{ pool: 'gone', backendId: 'a', successes: 0, failures: 9, streak: 9 }]);
    expect(directory.snapshot().web!.map(({ state }) => state)).toEqual(['ready', 'ready']);
  });
});

describe('an operator', () => {
  it('takes a backend out and back in, in every pool or in one', async () => {
    const { directory } = await started(poolConfig(), poolConfig({ name: 'api' }));
    expect(directory.setOverride('a', { state: 'maintenance' })).toEqual({
      ok: true,
      changed: [
        { pool: 'web', id: 'a' },
        { pool: 'api', id: 'a' },
      ],
    });
    directory.setOverride('a', { state: 'draining', weight: 5, pool: 'api' });
    expect(backend(directory, 'a')).toMatchObject({ state: 'maintenance', weight: 1 });
    expect(backend(directory, 'a', 'api')).toMatchObject({ state: 'draining', weight: 5 });
    directory.setOverride('a', { state: 'ready' });
    expect(backend(directory, 'a')).toMatchObject({ state: 'ready', slowStartedAt: expect.any(Number) });
    expect(backend(directory, 'a', 'api')).toMatchObject({ state: 'ready', weight: 5 });
  });

  it('is obeyed over reloads', async () => {
    const { directory } = await started(poolConfig());
    directory.setOverride('a', { state: 'draining', weight: 3 });
    directory.configure({ web: poolConfig({ slowStartMs: 0 }) });
    expect(backend(directory, 'a')).toMatchObject({ state: 'draining', weight: 3 });
    expect(directory.report()[0]).toMatchObject({ why: 'operator', override: { state: 'draining', weight: 3 } });
  });

  it('keeps a drained backend out of panic when it has stopped', async () => {
    const urls = { a: 'http://127.0.0.1:1', b: 'http://127.0.0.1:2' };
    const { directory } = await started(poolConfig({ urls }));
    directory.setOverride('a', { state: 'draining' });
    failing(directory, 'a');
    expect(backend(directory, 'a')).toMatchObject({ state: 'down', weight: 0 });
    expect(directory.report()[0]).toMatchObject({ weight: 1, override: { state: 'draining' } });
  });

  it.each([
    { id: 'z', change: { state: 'ready' }, error: 'expected a known backend (a, b), got "z"' },
    { id: 'a', change: { state: 'ready', pool: 'zoo' }, error: 'expected a known pool (web), got "zoo"' },
    { id: 'a', change: {}, error: 'expected a state or a weight' },
    { id: 'a', change: { state: 'down' }, error: 'expected ready, draining or maintenance, got "down"' },
    { id: 'a', change: { weight: -1 }, error: 'expected an integer from 0 to 1000, got -1' },
    { id: 'a', change: { weight: '2' }, error: 'got "2"' },
  ])('is told what is wrong with $change for $id', async ({ id, change, error }) => {
    const { directory } = await started(poolConfig());
    const result = directory.setOverride(id, change as never);
    expect(result).toEqual({ ok: false, error: expect.stringContaining(error) });
  });
});

describe('changes', () => {
  it('of one turn are told together', async () => {
    const { directory } = await started(poolConfig());
    const told: PoolsSnapshot[] = [];
    directory.onChange = (snapshot) => told.push(snapshot);
    directory.setOverride('a', { state: 'draining' });
    directory.setOverride('b', { weight: 4 });
    expect(told).toHaveLength(0);
    await vi.waitFor(() => expect(told).toHaveLength(1));
    expect(told[0]!.web).toMatchObject([{ state: 'draining' }, { weight: 4 }]);
  });

  it('survive a listener that throws', async () => {
    const { directory, lines } = await started(poolConfig());
    directory.onChange = () => {
      throw new Error('broken channel');
    };
    directory.setOverride('a', { state: 'draining' });
    await vi.waitFor(() => expect(lines).toContainEqual(expect.objectContaining({ level: 50 })));
  });

  it('of the configuration add and remove pools and backends; newcomers start slowly, first members do not', async () => {
    const { directory } = await started(poolConfig());
    const urls = { a: 'http://127.0.0.1:1', c: 'http://127.0.0.1:3' };
    directory.configure({ web: poolConfig({ urls }), api: poolConfig({ name: 'api' }) });
    expect(backend(directory, 'a').slowStartedAt).toBeUndefined();
    expect(backend(directory, 'c').slowStartedAt).toEqual(expect.any(Number));
    expect(backend(directory, 'b', 'api').slowStartedAt).toBeUndefined();
    directory.configure({ api: poolConfig({ name: 'api' }) });
    expect(Object.keys(directory.snapshot())).toEqual(['api']);
  });
});

describe('a DNS pool', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const backends: BackendsConfig = {
    type: 'dns',
    record: 'dns',
    name: 'web.test',
    scheme: 'http',
    port: 3000,
    refreshMs: 10_000,
  };

  function resolving(answers: { addresses: string[] | 'never' }): NameResolver {
    const nothing = () => Promise.reject(new Error('queryA ENOTFOUND'));
    const resolve4 = () =>
      answers.addresses === 'never' ? new Promise<never>(() => undefined) : Promise.resolve(answers.addresses);
    return { resolve4, resolve6: nothing, resolveSrv: nothing, lookup: nothing };
  }

  it('is filled when start resolves, and follows the name', async () => {
    const answers = { addresses: ['10.0.0.1', '10.0.0.2'] };
    const { directory, lines } = newDirectory(resolving(answers));
    directory.configure({ web: poolConfig({ backends }) });
    await directory.start();
    expect(directory.snapshot().web!.map(({ id }) => id)).toEqual(['10.0.0.1:3000', '10.0.0.2:3000']);
    expect(directory.snapshot().web![0]!.slowStartedAt).toBeUndefined();
    directory.setOverride('10.0.0.2:3000', { state: 'maintenance' });
    answers.addresses = ['10.0.0.3'];
    await vi.advanceTimersByTimeAsync(10_000);
    expect(directory.snapshot().web).toMatchObject([{ id: '10.0.0.3:3000', slowStartedAt: Date.now() }]);
    expect(lines.map(({ msg }) => msg)).toContain('backend left');
    answers.addresses = ['10.0.0.2', '10.0.0.3'];
    await vi.advanceTimersByTimeAsync(10_000);
    expect(backend(directory, '10.0.0.2:3000').state).toBe('maintenance');
  });

  it('does not hold up the start for more than two seconds', async () => {
    const { directory } = newDirectory(resolving({ addresses: 'never' }));
    directory.configure({ web: poolConfig({ backends }) });
    const start = vi.fn();
    void directory.start().then(start);
    await vi.advanceTimersByTimeAsync(1999);
    expect(start).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(start).toHaveBeenCalledOnce();
    expect(directory.snapshot()).toEqual({ web: [] });
  });

  it('keeps its members while another name is looked up for the first time', async () => {
    const answers: { addresses: string[] | 'never' } = { addresses: ['10.0.0.1'] };
    const { directory } = newDirectory(resolving(answers));
    directory.configure({ web: poolConfig({ backends }) });
    await directory.start();
    answers.addresses = 'never';
    directory.configure({ web: poolConfig({ backends: { ...backends, name: 'other.test' } }) });
    expect(directory.snapshot().web).toMatchObject([{ id: '10.0.0.1:3000' }]);
  });
});
