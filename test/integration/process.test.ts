/** The balancer as processes: they die, hang, are told to stop or to take a new config, and clients notice little. */
import { describe, expect, it } from 'vitest';
import { startHttpApp } from '../support/backends/http-app.js';
import { startEcho } from '../support/backends/websocket-echo.js';
import { eventually, never } from '../support/eventually.js';
import { relayTo, startHoldfast } from '../support/holdfast.js';
import { fetchFrom, openRequest } from '../support/http-client.js';
import { isRunning } from '../support/process-facts.js';
import { shareHoldfast } from '../support/shared-holdfast.js';
import { openMany, openSocket } from '../support/websocket-client.js';

describe('a worker', () => {
  it('is replaced when it is killed, and the connections of the others live', async () => {
    await using backend = await startEcho();
    await using holdfast = await startHoldfast(relayTo([backend.url], { workers: 2 }));
    await using group = await openMany(40, () => openSocket(holdfast.wsUrl()));
    const [victim, survivor] = holdfast.workerPids();
    process.kill(victim!, 'SIGKILL');
    await eventually(() => {
      expect(holdfast.workerPids()).toHaveLength(2);
      expect(holdfast.workerPids()).not.toContain(victim);
    });
    expect(holdfast.workerPids()).toContain(survivor);
    await eventually(() => expect(group.sockets.filter((socket) => !socket.isOpen).length).toBeGreaterThan(0));
    const living = group.sockets.filter((socket) => socket.isOpen);
    expect(living.length).toBeGreaterThan(0);
    for (const socket of living) expect(await socket.ask('still here')).toBe('still here');
    // Both workers take new ones: enough that the kernel spreads them.
    await eventually(async () => {
      await using more = await openMany(20, () => openSocket(holdfast.wsUrl()));
      for (const socket of more.sockets) expect(await socket.ask('new')).toBe('new');
    });
    await eventually(async () => expect((await holdfast.admin('/readyz')).body).toMatchObject({ status: 'ready' }));
  });

  it('is noticed when it hangs, and readiness says so without failing', async () => {
    await using backend = await startEcho();
    await using holdfast = await startHoldfast(relayTo([backend.url], { workers: 2 }));
    const [victim] = holdfast.workerPids();
    process.kill(victim!, 'SIGSTOP');
    await eventually(
      async () => expect(await holdfast.admin('/readyz')).toMatchObject({ status: 200, body: { status: 'degraded' } }),
      { withinMs: 15_000 },
    );
    process.kill(victim!, 'SIGCONT');
    await eventually(async () => expect((await holdfast.admin('/readyz')).body).toMatchObject({ status: 'ready' }), {
      withinMs: 15_000,
    });
    expect(holdfast.workerPids()).toContain(victim);
  });
});

describe('SIGTERM', () => {
  it('closes WebSockets with 1001 on both sides and exits 0 in time', async () => {
    await using backend = await startEcho();
    await using holdfast = await startHoldfast(relayTo([backend.url], { workers: 2 }));
    await using group = await openMany(20, () => openSocket(holdfast.wsUrl()));
    const workers = holdfast.workerPids();
    const startedAt = performance.now();
    expect(await holdfast.terminate()).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(5000);
    for (const socket of group.sockets) expect((await socket.untilClosed()).code).toBe(1001);
    await eventually(() =>
      expect(backend.closes.map(({ code }) => code)).toEqual(Array.from({ length: 20 }, () => 1001)),
    );
    expect(workers.filter(isRunning)).toEqual([]);
  });

  it('lets a request that runs finish, and takes no new ones', async () => {
    await using app = await startHttpApp();
    await using holdfast = await startHoldfast(relayTo([app.url]));
    const running = fetchFrom(holdfast.url('/hold/1'));
    await eventually(() => expect(app.held.size).toBe(1));
    holdfast.signal('SIGTERM');
    await eventually(async () => {
      await expect(fetchFrom(holdfast.url('/who'))).rejects.toThrow(/ECONNREFUSED|ECONNRESET/);
    });
    app.held.get('/hold/1')?.end('finished');
    expect(await running).toMatchObject({ status: 200, body: 'finished' });
    expect(await holdfast.exited()).toBe(0);
  });

  it('fails readiness while it drains', async () => {
    await using app = await startHttpApp();
    await using holdfast = await startHoldfast(relayTo([app.url]));
    const request = openRequest(holdfast.url('/hold/1'));
    request.on('error', () => undefined);
    request.end();
    await eventually(() => expect(app.held.size).toBe(1));
    holdfast.signal('SIGTERM');
    await eventually(async () => expect((await holdfast.admin('/readyz')).status).toBe(503), { everyMs: 5 });
    expect((await holdfast.admin('/healthz')).status).toBe(200);
    app.held.get('/hold/1')?.end();
    expect(await holdfast.exited()).toBe(0);
  });

  it('cuts what is still open at the deadline, also when a worker hangs', async () => {
    await using app = await startHttpApp();
    await using holdfast = await startHoldfast(relayTo([app.url], { workers: 2, drain: { timeout: '500ms' } }));
    const request = openRequest(holdfast.url('/hold/1'));
    request.on('error', () => undefined);
    request.end();
    await eventually(() => expect(app.held.size).toBe(1));
    const [victim] = holdfast.workerPids();
    process.kill(victim!, 'SIGSTOP');
    expect(await holdfast.terminate()).toBe(0);
    expect(isRunning(victim!)).toBe(false);
  });

  it('given twice stops at once', async () => {
    await using app = await startHttpApp();
    await using holdfast = await startHoldfast(relayTo([app.url], { drain: { timeout: '60s' } }));
    const request = openRequest(holdfast.url('/hold/1'));
    request.on('error', () => undefined);
    request.end();
    await eventually(() => expect(app.held.size).toBe(1));
    const workers = holdfast.workerPids();
    holdfast.signal('SIGTERM');
    await eventually(async () => expect((await holdfast.admin('/readyz')).status).toBe(503), { everyMs: 5 });
    await never(300, () => expect(isRunning(holdfast.pid)).toBe(true));
    holdfast.signal('SIGTERM');
    expect(await holdfast.exited(3000)).toBe(0);
    expect(workers.filter(isRunning)).toEqual([]);
  });
});

describe('SIGHUP', () => {
  const serve = shareHoldfast();

  it('changes routes while open connections stay, on changed and removed routes too', async () => {
    await using one = await startEcho({ id: 'one' });
    await using two = await startEcho({ id: 'two' });
    const config = (backend: string, path: string): Parameters<typeof startHoldfast>[0] => ({
      workers: 2,
      routes: [{ match: { path }, pool: 'app' }],
      pools: { app: { backends: [backend], health: false } },
    });
    await using holdfast = await startHoldfast(config(one.url, '/old'));
    await using group = await openMany(10, () => openSocket(holdfast.wsUrl('/old')));
    holdfast.reload(config(two.url, '/new'));
    await eventually(async () => {
      await using socket = await openSocket(holdfast.wsUrl('/new'));
      expect(await socket.ask('!who')).toBe('two');
    });
    await eventually(async () => await expect(openSocket(holdfast.wsUrl('/old'))).rejects.toThrow(/404/));
    for (const socket of group.sockets) expect(await socket.ask('!who')).toBe('one');
  });

  it('changes limits for connections that come from then on', async () => {
    await using backend = await startEcho();
    const config = (messageBytes: string): ReturnType<typeof relayTo> =>
      relayTo([backend.url], { route: { limits: { messageBytes } } });
    await using holdfast = await startHoldfast(config('1KiB'));
    await using before = await openSocket(holdfast.wsUrl());
    holdfast.reload(config('64KiB'));
    const big = 'x'.repeat(32 * 1024);
    await eventually(async () => {
      await using after = await openSocket(holdfast.wsUrl());
      expect((await after.ask(big)) === big).toBe(true);
    });
    expect(await before.ask('small')).toBe('small');
  });

  it.each([
    ['mistakes', '{"listen": [{"address": "127.0.0.1:1"}], "routes": [], "poools": {}}'],
    ['text that is no YAML', '{{{{'],
    ['an empty file', ''],
  ])('with %s keeps the old config, and says so', async (_, text) => {
    await using backend = await startEcho();
    const holdfast = await serve(relayTo([backend.url]));
    await using socket = await openSocket(holdfast.wsUrl());
    const from = holdfast.log.lines.length;
    holdfast.reload(text);
    await holdfast.waitForLog((line) => line['level'] === 'error', { from });
    expect(await socket.ask('hi')).toBe('hi');
    await using other = await openSocket(holdfast.wsUrl());
    expect(await other.ask('hi')).toBe('hi');
    expect(holdfast.workerPids()).toHaveLength(1);
  });
});

describe('a start that cannot succeed', () => {
  it('exits 1 with every mistake and its place on stderr', async () => {
    const config = {
      routes: [{ match: { pth: '/' }, pool: 'nope' }],
      pools: { app: { backends: ['http://127.0.0.1:1'] } },
    };
    await expect(startHoldfast(config)).rejects.toThrow(/exit 1[\s\S]*holdfast\.json:\d+:\d+: .*pth[\s\S]*nope/);
  });

  it('exits 1 with the reason when its port is taken by something else', async () => {
    await using app = await startHttpApp();
    const config = { ...relayTo([app.url]), listen: [{ address: `127.0.0.1:${app.port}` }] };
    await expect(startHoldfast(config)).rejects.toThrow(new RegExp(`exit 1[\\s\\S]*${app.port}`));
  });

  it('exits 1 with the reason when the admin port is taken', async () => {
    await using app = await startHttpApp();
    const config = { ...relayTo([app.url]), admin: { address: `127.0.0.1:${app.port}` } };
    await expect(startHoldfast(config)).rejects.toThrow(new RegExp(`exit 1[\\s\\S]*${app.port}`));
  });
});
