/** What one balancer tells of all: the fleet by its leases, in /v1/status and as `holdfast status` prints it. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { startEcho } from '../support/backends/websocket-echo.js';
import { Cleanup } from '../support/cleanup.js';
import { eventually } from '../support/eventually.js';
import { BINARY, type Holdfast, relayTo, startHoldfast } from '../support/holdfast.js';
import { startRedis } from '../support/redis.js';
import { openMany, openSocket } from '../support/websocket-client.js';

const PATIENCE = { withinMs: 30_000, everyMs: 200 };

interface FleetRow {
  readonly balancer: string;
  readonly status: string;
  readonly isSelf: boolean;
  readonly workers: number;
  readonly connections: number;
}

// At once: most of their time is leases that have to run out.
it.concurrent(
  'shows every balancer, one whose machine hangs as lost, and one that left in order not at all',
  async () => {
    await using cleanup = new Cleanup();
    const echo = cleanup.use(await startEcho());
    const redis = cleanup.use(await startRedis());
    const config = relayTo([{ id: 'b1', url: echo.url }], { state: redis.url });
    const starting = [{ ...config, workers: 2 }, config, config].map(async (it) =>
      cleanup.use(await startHoldfast(it)),
    );
    const [here, hung, leaving] = (await Promise.all(starting)) as [Holdfast, Holdfast, Holdfast];
    cleanup.use(await openMany(3, () => openSocket(hung.wsUrl())));
    await eventually(async () => {
      const fleet = await fleetOf(here);
      expect(fleet).toHaveLength(3);
      expect(rowOf(fleet, here)).toMatchObject({ status: 'ready', isSelf: true, workers: 2 });
      expect(rowOf(fleet, hung)).toMatchObject({ status: 'ready', isSelf: false, workers: 1, connections: 3 });
    }, PATIENCE);

    const table = await statusText(here);
    expect(table).toMatch(/^BALANCER +STATUS +VERSION +WORKERS +SESSIONS +CONNECTIONS +LEASE$/m);
    expect(table).toMatch(new RegExp(`^\\S+:${here.pid} \\* +ready +\\S+ +2 +0 +0 +held$`, 'm'));
    expect(table).toMatch(new RegExp(`^\\S+:${hung.pid} +ready +\\S+ +1 +0 +3 +held$`, 'm'));

    // A machine that hangs: nobody of it says anything, and nobody closes its connections.
    const stopped = [hung.pid, ...hung.workerPids()];
    for (const pid of stopped) process.kill(pid, 'SIGSTOP');
    try {
      await leaving.terminate();
      await eventually(async () => {
        const fleet = await fleetOf(here);
        expect(fleet).toHaveLength(2);
        expect(rowOf(fleet, hung)).toMatchObject({ status: 'lost' });
      }, PATIENCE);
      expect(await statusText(here)).toMatch(new RegExp(`^\\S+:${hung.pid} +lost .* lost, seen \\d+s ago$`, 'm'));
    } finally {
      for (const pid of stopped) process.kill(pid, 'SIGCONT');
    }
    await eventually(async () => expect(rowOf(await fleetOf(here), hung)).toMatchObject({ status: 'ready' }), PATIENCE);

    redis.pause();
    try {
      await eventually(async () => expect(await statusText(here)).toMatch(/^the fleet as of \d+s ago/m), PATIENCE);
    } finally {
      redis.resume();
    }
  },
);

it.concurrent('keeps what an operator said of a backend over a reload, and until a restart', async () => {
  await using cleanup = new Cleanup();
  const echo = cleanup.use(await startEcho());
  const config = relayTo([{ id: 'b1', url: echo.url, weight: 2 }]);
  const holdfast = cleanup.use(await startHoldfast(config));
  // Alone, it is all of the fleet.
  expect(await fleetOf(holdfast)).toMatchObject([{ status: 'ready', isSelf: true, workers: 1 }]);
  const change = async (body: object): Promise<number> =>
    (await holdfast.admin('/v1/backends/b1?pool=app', { method: 'PUT', body: JSON.stringify(body) })).status;
  const backend = async (of: Holdfast): Promise<unknown> =>
    ((await of.admin('/v1/backends')).body as { backends: unknown[] }).backends[0];
  expect(await backend(holdfast)).toMatchObject({ weight: 2, state: 'ready', trunk: null, sessions: null });
  expect(await change({ state: 'draining', weight: 7 })).toBe(200);
  expect(await backend(holdfast)).toMatchObject({ weight: 7, state: 'draining', why: 'operator' });
  expect((await holdfast.admin('/v1/reload', { method: 'POST' })).status).toBe(200);
  expect(await backend(holdfast)).toMatchObject({ weight: 7, state: 'draining' });
  expect(await change({ state: 'ready' })).toBe(200);
  expect(await backend(holdfast)).toMatchObject({ weight: 7, state: 'ready' });
  await holdfast.terminate();
  const again = cleanup.use(await startHoldfast(config));
  expect(await backend(again)).toMatchObject({ weight: 2, state: 'ready' });
});

it.concurrent('shows the configuration in force without any secret of it', async () => {
  await using cleanup = new Cleanup();
  const echo = cleanup.use(await startEcho());
  const env = {
    SIGNING: 'sign-with-this-and-nothing-else',
    JWT: 'verify-with-this-and-nothing-else',
    REDIS: 'redis-pass-word-of-somebody',
    HEADER: 'only-proxies-know-this-header',
  };
  const config = {
    routes: [
      { match: { path: '/in', header: { 'x-internal': '${HEADER}' } }, pool: 'app' },
      { match: { path: '/s' }, pool: 'chat', auth: { jwt: { secret: '${JWT}' } } },
    ],
    pools: {
      app: { backends: [echo.url], health: false },
      chat: { kind: 'session', backends: [echo.url], health: false },
    },
    secret: ['${SIGNING}', 'an old one that still verifies'],
    // Nobody listens there: what is shown does not depend on it.
    state: 'redis://:${REDIS}@127.0.0.1:1',
  };
  const holdfast = cleanup.use(await startHoldfast(config, { env }));
  const { status, body } = await holdfast.admin('/v1/config');
  expect(status).toBe(200);
  const text = JSON.stringify(body);
  for (const secret of [...Object.values(env), 'an old one that still verifies']) expect(text).not.toContain(secret);
  expect(body).toMatchObject({
    version: 1,
    config: { worker: { pools: { app: { retries: 2 } }, state: { engine: 'redis' } }, workers: 1 },
  });
});

async function fleetOf(holdfast: Holdfast): Promise<readonly FleetRow[]> {
  return ((await holdfast.admin('/v1/status')).body as { fleet: readonly FleetRow[] }).fleet;
}

function rowOf(fleet: readonly FleetRow[], { pid }: Holdfast): FleetRow | undefined {
  return fleet.find(({ balancer }) => balancer.endsWith(`:${pid}`));
}

async function statusText(holdfast: Holdfast): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [BINARY, 'status', '--admin', holdfast.adminUrl()]);
  return stdout;
}
