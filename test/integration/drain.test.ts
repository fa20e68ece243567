/** How a balancer, a worker and a backend let their clients go, and the commands that ask for it. */
import { connect } from 'node:tls';
import { rmSync } from 'node:fs';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { startHttpApp } from '../support/backends/http-app.js';
import { startEcho } from '../support/backends/websocket-echo.js';
import { makeCertificate } from '../support/certificate.js';
import { CertificateFiles } from '../support/certificate-files.js';
import { command } from '../support/drain/command.js';
import { eventually } from '../support/eventually.js';
import { type Holdfast, relayTo, startHoldfast } from '../support/holdfast.js';
import { freePort } from '../support/ports.js';
import { fetchFrom } from '../support/http-client.js';
import { isRunning } from '../support/process-facts.js';
import { connectRaw, handshake } from '../support/raw-client.js';
import { RawSession } from '../support/sessions/raw-session.js';
import { SessionFleet } from '../support/sessions/session-fleet.js';
import { openMany, openSocket } from '../support/websocket-client.js';

const PATIENCE = { withinMs: 20_000 };

describe('a balancer that drains', () => {
  it('fails readiness and serves as before until its grace is over; then it closes evenly, and says how far it is', async () => {
    await using backend = await startEcho();
    const drain = { grace: '2s', window: '2s', timeout: '8s' };
    await using holdfast = await startHoldfast(relayTo([backend.url], { workers: 2, drain }));
    await using group = await openMany(20, () => openSocket(holdfast.wsUrl()));
    const told = await command(holdfast, 'drain', '--self');
    expect(told).toEqual({ code: 0, stdout: 'draining: stopped in 8 s at the latest\n', stderr: '' });
    expect((await holdfast.admin('/readyz')).status).toBe(503);
    expect((await holdfast.admin('/v1/status')).body).toMatchObject({ drain: { phase: 'grace' } });
    await using late = await openSocket(holdfast.wsUrl());
    expect(await late.ask('served')).toBe('served');
    await eventually(
      async () => {
        const { drain: progress } = (await holdfast.admin('/v1/status')).body as { drain: { left: number } };
        expect(progress).toMatchObject({ phase: 'closing' });
        expect(progress.left).toBeGreaterThan(0);
        expect(progress.left).toBeLessThan(21);
      },
      { ...PATIENCE, everyMs: 50 },
    );
    const metrics = await holdfast.metrics();
    expect(metrics.sum('holdfast_drain_phase', { phase: 'closing' })).toBe(1);
    expect(metrics.sum('holdfast_drain_deadline_seconds')).toBeGreaterThan(0);
    for (const socket of [...group.sockets, late]) expect((await socket.untilClosed()).code).toBe(1001);
    expect(await holdfast.exited()).toBe(0);
    expect(await holdfast.waitForLog('drained')).toMatchObject({ closed: 21, cut: 0 });
  });

  it('serves a connection that was accepted before, and asks its HTTP client to leave', async () => {
    await using app = await startHttpApp();
    await using echo = await startEcho();
    const routes = [
      { match: { path: '/ws' }, pool: 'echo' },
      { match: { path: '/' }, pool: 'app' },
    ];
    const pools = { echo: { backends: [echo.url], health: false }, app: { backends: [app.url], health: false } };
    const drain = { timeout: '6s', window: '1s' };
    await using holdfast = await startHoldfast({ routes, pools, drain });
    // Keeps the worker there: its answer comes at the end.
    const held = fetchFrom(holdfast.url('/hold/1'));
    await eventually(() => expect(app.held.size).toBe(1));
    await using silent = await connectRaw({ port: holdfast.port });
    await using webSocket = await connectRaw({ port: holdfast.port });
    // Both are accepted for sure once a third one is answered, which came after them.
    await fetchFrom(holdfast.url('/who'));
    holdfast.signal('SIGTERM');
    await eventually(async () => {
      await expect(connectRaw({ port: holdfast.port })).rejects.toThrow(/ECONNREFUSED/);
    });
    silent.write('GET /who HTTP/1.1\r\nHost: a\r\n\r\n');
    const answer = await silent.head();
    expect(answer.status).toBe(200);
    expect(answer.headers['connection']).toBe('close');
    webSocket.write(handshake({ path: '/ws' }));
    expect((await webSocket.head()).status).toBe(101);
    // Opcode 8, two bytes and a reason; 1001.
    expect((await webSocket.frame()).payload.subarray(0, 2)).toEqual(Buffer.from([0x03, 0xe9]));
    app.held.get('/hold/1')?.end('finished');
    expect(await held).toMatchObject({ body: 'finished' });
    expect(await holdfast.exited()).toBe(0);
  });

  it('gives its ports to a second one with the same config, and nobody is refused', async () => {
    await using backend = await startEcho();
    const drain = { timeout: '5s', window: '500ms' };
    await using old = await startHoldfast(relayTo([backend.url], { drain }));
    await using group = await openMany(10, () => openSocket(old.wsUrl()));
    const ports = { port: old.port, adminPort: await freePort() };
    await using next = await startHoldfast(relayTo([backend.url], { drain }), { ports });
    const exit = old.terminate();
    for (const socket of group.sockets) {
      expect((await socket.untilClosed()).code).toBe(1001);
      await using again = await openSocket(next.wsUrl());
      expect(await again.ask('here again')).toBe('here again');
    }
    expect(await exit).toBe(0);
  });
});

describe('holdfast upgrade', () => {
  it('replaces every worker, one after the other, by one that reads what is on disk now', async () => {
    await using backend = await startEcho();
    using files = new CertificateFiles();
    const tls = files.write('a.test', makeCertificate('a.test'));
    const config = relayTo([backend.url], { workers: 2, drain: { timeout: '5s', window: '500ms' } });
    await using holdfast = await startHoldfast(config, { listen: { tls } });
    const url = `wss://127.0.0.1:${holdfast.port}/`;
    await using group = await openMany(20, () => openSocket(url, { rejectUnauthorized: false }));
    const before = holdfast.workerPids();
    const first = await fingerprintOf(holdfast);
    files.write('a.test', makeCertificate('a.test'));
    const told = await command(holdfast, 'upgrade');
    expect(told).toMatchObject({ code: 0, stderr: '' });
    expect(told.stdout).toMatch(/2 of 2 workers replaced\n$/);
    expect(holdfast.workerPids()).toHaveLength(2);
    expect(before.filter(isRunning)).toEqual([]);
    for (const socket of group.sockets) expect((await socket.untilClosed()).code).toBe(1001);
    expect(await fingerprintOf(holdfast)).not.toBe(first);
    expect((await holdfast.admin('/readyz')).body).toMatchObject({ status: 'ready' });
    expect((await holdfast.metrics()).sum('holdfast_worker_replacements_total', { result: 'ok' })).toBe(2);
  });

  it('keeps the old workers where a new one does not come up, and says why', async () => {
    await using backend = await startEcho();
    using files = new CertificateFiles();
    const tls = files.write('a.test', makeCertificate('a.test'));
    await using holdfast = await startHoldfast(relayTo([backend.url], { workers: 2 }), { listen: { tls } });
    const before = holdfast.workerPids();
    rmSync(tls.certificate);
    const told = await command(holdfast, 'upgrade');
    expect(told.code).toBe(1);
    expect(told.stderr).toMatch(
      /^expected all workers to be replaced: worker 1 was not replaced and goes on: .*a\.test/,
    );
    await eventually(() => expect([...holdfast.workerPids()].sort()).toEqual([...before].sort()));
    await using socket = await openSocket(`wss://127.0.0.1:${holdfast.port}/`, { rejectUnauthorized: false });
    expect(await socket.ask('still here')).toBe('still here');
  });

  it('sends sessions to the other workers of the machine, which have them without a loss', async () => {
    await using fleet = await SessionFleet.start(1);
    const pools = { app: { kind: 'session', backends: fleet.urls } };
    const routes = [{ match: { path: '/' }, pool: 'app' }];
    await using holdfast = await startHoldfast({
      routes,
      pools,
      workers: 2,
      drain: { timeout: '3s', window: '500ms' },
    });
    await using session = await RawSession.open(holdfast.wsUrl());
    const upgraded = command(holdfast, 'upgrade');
    const goaway = await eventually(() => {
      const found = session.controls.find(({ type }) => type === 'g');
      expect(found).toBeDefined();
      return found!;
    }, PATIENCE);
    expect(goaway.body).toMatchObject({ delayMs: expect.any(Number) as number });
    await using again = await RawSession.open(holdfast.wsUrl(), { resume: session.resumption });
    expect(again.welcome).toMatchObject({ resumed: true, session: session.welcome?.session });
    // It may be sent on once more: the worker that it came to can be the next one.
    expect(await upgraded).toMatchObject({ code: 0 });
  });
});

describe('a backend that drains', () => {
  it('of a relay pool keeps its sockets for the time that it has; what is left then is closed with 1012', async () => {
    await using one = await startEcho({ id: 'one' });
    await using two = await startEcho({ id: 'two' });
    const backends = [
      { id: 'one', url: one.url },
      { id: 'two', url: two.url },
    ];
    const pool = { balance: 'round-robin', timeouts: { drain: '1500ms' } };
    await using holdfast = await startHoldfast(relayTo(backends, { pool }));
    await using group = await openMany(10, () => openSocket(holdfast.wsUrl()));
    const names = await Promise.all(group.sockets.map((socket) => socket.ask('!who')));
    const told = await command(holdfast, 'drain', '--backend', 'one');
    expect(told).toEqual({ code: 0, stdout: 'backend one of app: draining\n', stderr: '' });
    await using other = await openSocket(holdfast.wsUrl());
    expect(await other.ask('!who')).toBe('two');
    const [leaving, staying] = ['one', 'two'].map((name) => group.sockets.filter((_, index) => names[index] === name));
    expect(await leaving![0]!.ask('still here')).toBe('still here');
    for (const socket of leaving!) expect((await socket.untilClosed()).code).toBe(1012);
    for (const socket of staying!) expect(await socket.ask('still here')).toBe('still here');
    expect((await holdfast.metrics()).sum('holdfast_bound_hits_total', { bound: 'backend_drain' })).toBe(1);
    expect(await command(holdfast, 'ready', '--backend', 'one')).toMatchObject({ code: 0 });
  });

  it('of a session pool hands its sessions over, and their clients keep their connections', async () => {
    await using fleet = await SessionFleet.start(2);
    const backends = fleet.backends.map(({ name, url }) => ({ id: name, url }));
    const routes = [{ match: { path: '/' }, pool: 'app' }];
    await using holdfast = await startHoldfast({
      routes,
      pools: { app: { kind: 'session', backends, balance: 'round-robin' } },
    });
    const sessions = await Promise.all(Array.from({ length: 6 }, () => RawSession.open(holdfast.wsUrl())));
    expect((await command(holdfast, 'drain', '--backend', 'b1')).code).toBe(0);
    await eventually(async () => expect(await loadsOf(holdfast)).toEqual({ b1: 0, b2: 6 }), PATIENCE);
    // The last one has nobody to give its sessions to: they stay.
    expect((await command(holdfast, 'drain', '--backend', 'b2')).code).toBe(0);
    await eventually(async () => {
      const { backends: all } = (await holdfast.admin('/v1/backends')).body as { backends: { state: string }[] };
      expect(all.map(({ state }) => state)).toEqual(['draining', 'draining']);
    });
    expect((await command(holdfast, 'ready', '--backend', 'b1')).code).toBe(0);
    await eventually(async () => expect(await loadsOf(holdfast)).toEqual({ b1: 6, b2: 0 }), PATIENCE);
    for (const session of sessions) {
      expect(session.closed).toBeUndefined();
      session.cut();
    }
  });

  it('is named as it is called, or the one that was meant is', async () => {
    await using backend = await startEcho();
    await using holdfast = await startHoldfast(relayTo([{ id: 'chat-1', url: backend.url }]));
    const told = await command(holdfast, 'maintenance', '--backend', 'chta-1');
    expect(told.code).toBe(1);
    expect(told.stderr).toContain('expected a backend; known: chat-1, got "chta-1" (did you mean "chat-1"?)');
    expect((await command(holdfast, 'ready')).stderr).toMatch(/^expected holdfast ready --backend ID/);
  });
});

async function loadsOf(holdfast: Holdfast): Promise<Readonly<Record<string, number>>> {
  const { backends } = (await holdfast.admin('/v1/backends')).body as { backends: { id: string; load: number }[] };
  return Object.fromEntries(backends.map(({ id, load }) => [id, load]));
}

/** Of the certificate that clients are shown. */
async function fingerprintOf({ port }: Holdfast): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', servername: 'a.test', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}
