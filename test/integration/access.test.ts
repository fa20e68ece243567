/** Who may come in before anybody asks who it is: addresses, origins, and how many. The same for all that comes to a route. */
import { describe, expect, it } from 'vitest';
import { hs256, JWT_SECRET } from '../support/access/tokens.js';
import { startEcho } from '../support/backends/websocket-echo.js';
import { eventually } from '../support/eventually.js';
import { relayTo, startHoldfast } from '../support/holdfast.js';
import { fetchFrom } from '../support/http-client.js';
import { RawSession } from '../support/sessions/raw-session.js';
import { SessionFleet } from '../support/sessions/session-fleet.js';
import { openRefused, openSocket } from '../support/websocket-client.js';

const A = { localAddress: '127.0.1.1' };
const B = { localAddress: '127.0.1.2' };

describe('addresses', () => {
  it('that are denied, or not among those that are allowed, get 403 whatever they ask for', async () => {
    await using backend = await startEcho();
    const access = { allow: ['127.0.1.0/24'], deny: ['127.0.1.2'] };
    await using holdfast = await startHoldfast(relayTo([backend.url], { route: { access } }));
    await using socket = await openSocket(holdfast.wsUrl(), A);
    expect(await socket.ask('hi')).toBe('hi');
    expect((await fetchFrom(holdfast.url(), A)).status).toBe(200);
    for (const who of [B, { localAddress: '127.0.0.1' }]) {
      expect((await openRefused(holdfast.wsUrl(), who)).status).toBe(403);
      expect((await fetchFrom(holdfast.url(), who)).status).toBe(403);
    }
    expect([backend.handshakes.length, backend.requests.length]).toEqual([1, 1]);
    await holdfast.waitForLog(
      (line) => line['client'] === '127.0.1.2' && line['detail'] === 'access: expected an allowed address',
    );
  });

  it('are those that a trusted proxy tells, and no header of anybody else gets around them', async () => {
    await using backend = await startEcho();
    const config = relayTo([backend.url], { route: { access: { deny: ['192.0.2.0/24'] } } });
    await using holdfast = await startHoldfast({ ...config, trustedProxies: ['127.0.1.1'] });
    const from = (address: string): { headers: Record<string, string> } => ({
      headers: { 'x-forwarded-for': address },
    });
    expect((await fetchFrom(holdfast.url(), { ...A, ...from('192.0.2.7') })).status).toBe(403);
    expect((await fetchFrom(holdfast.url(), { ...A, ...from('::ffff:192.0.2.7') })).status).toBe(403);
    expect((await fetchFrom(holdfast.url(), { ...A, ...from('198.51.100.1') })).status).toBe(200);
    expect((await fetchFrom(holdfast.url(), { ...B, ...from('192.0.2.7') })).status).toBe(200);
  });

  it('change with a reload, for those who come from then on', async () => {
    await using backend = await startEcho();
    const config = (access: object) => relayTo([backend.url], { route: { access } });
    await using holdfast = await startHoldfast(config({}));
    await using before = await openSocket(holdfast.wsUrl());
    holdfast.reload(config({ deny: ['127.0.0.0/8'] }));
    await eventually(async () => expect((await fetchFrom(holdfast.url())).status).toBe(403));
    expect(await before.ask('still here')).toBe('still here');
  });
});

describe('limits', () => {
  it('of a route hold over all workers and addresses, and what ends makes room', async () => {
    await using backend = await startEcho();
    const route = { limits: { connections: 3 } };
    await using holdfast = await startHoldfast(relayTo([backend.url], { workers: 2, route }));
    const open = await Promise.all([A, B, A].map((who) => openSocket(holdfast.wsUrl(), who)));
    const refused = await openRefused(holdfast.wsUrl());
    expect(refused).toMatchObject({ status: 429, headers: { 'retry-after': '1' } });
    expect(refused.body).not.toMatch(/limit|address|route/);
    open[0]?.ws.terminate();
    await using again = await eventually(() => openSocket(holdfast.wsUrl()));
    expect(await again.ask('hi')).toBe('hi');
    for (const socket of open) socket.ws.terminate();
    await holdfast.waitForLog((line) => line['status'] === 429 && line['detail'] === 'limit: connections');
    expect((await holdfast.metrics()).sum('holdfast_bound_hits_total', { bound: 'connections' })).toBeGreaterThan(0);
  });

  it('are given back by a worker that is killed', async () => {
    await using backend = await startEcho();
    const route = { limits: { connections: 2 } };
    await using holdfast = await startHoldfast(relayTo([backend.url], { route }));
    await using _one = await openSocket(holdfast.wsUrl());
    await using _two = await openSocket(holdfast.wsUrl());
    expect((await openRefused(holdfast.wsUrl())).status).toBe(429);
    process.kill(holdfast.workerPids()[0]!, 'SIGKILL');
    await using again = await eventually(() => openSocket(holdfast.wsUrl()), { withinMs: 20_000 });
    expect(await again.ask('hi')).toBe('hi');
  });

  it('of new ones per second hold over all workers, for handshakes and requests together', async () => {
    await using backend = await startEcho();
    const route = { limits: { newPerSecondPerAddress: 5 } };
    await using holdfast = await startHoldfast(relayTo([backend.url], { workers: 2, route }));
    const startedAt = performance.now();
    const statuses = await Promise.all(
      Array.from({ length: 30 }, async (_, n) => {
        if (n % 2 === 0) return (await fetchFrom(holdfast.url(), A)).status;
        return (await handshake(holdfast.wsUrl(), A)).status;
      }),
    );
    const seconds = (performance.now() - startedAt) / 1000;
    const accepted = statuses.filter((status) => status !== 429).length;
    expect(accepted).toBeGreaterThanOrEqual(5);
    expect(accepted).toBeLessThanOrEqual(Math.ceil(5 + 5 * seconds));
    expect((await fetchFrom(holdfast.url(), B)).status).toBe(200);
    await eventually(async () => expect((await fetchFrom(holdfast.url(), A)).status).toBe(200));
  });

  it('of a principal count its connections from wherever they come, and nobody else’s', async () => {
    await using backend = await startEcho();
    const route = { limits: { connectionsPerPrincipal: 2 }, auth: { jwt: { secret: JWT_SECRET } } };
    await using holdfast = await startHoldfast(relayTo([backend.url], { workers: 2, route }));
    const as = (sub: string) => ({ headers: { authorization: `Bearer ${hs256({ sub })}` } });
    await using _one = await openSocket(holdfast.wsUrl(), { ...A, ...as('ada') });
    const two = await openSocket(holdfast.wsUrl(), { ...B, ...as('ada') });
    expect((await openRefused(holdfast.wsUrl(), as('ada'))).status).toBe(429);
    expect((await fetchFrom(holdfast.url(), as('ada'))).status).toBe(200);
    await using _other = await openSocket(holdfast.wsUrl(), as('bob'));
    two.ws.terminate();
    await using _again = await eventually(() => openSocket(holdfast.wsUrl(), as('ada')));
  });

  it('of a principal ask an SDK client to come back later, and let one that returns have its session', async () => {
    await using fleet = await SessionFleet.start(1);
    const route = { limits: { connectionsPerPrincipal: 1 }, auth: { jwt: { secret: JWT_SECRET } } };
    await using holdfast = await startHoldfast(sessionsOf(fleet, route));
    const auth = hs256({ sub: 'ada' });
    await using first = await RawSession.open(holdfast.wsUrl(), { auth });
    await using second = await RawSession.dial(holdfast.wsUrl(), { auth });
    await eventually(() => expect(second.closed).toMatchObject({ code: 4013, reason: 'overloaded' }));
    expect(second.controls).toMatchObject([{ type: 'g', body: { deadlineMs: 0, delayMs: expect.any(Number) } }]);
    await using back = await RawSession.open(holdfast.wsUrl(), { auth, resume: first.resumption });
    expect(back.welcome).toMatchObject({ resumed: true });
    await eventually(() => expect(first.closed?.code).toBe(4003));
  });

  it('of bytes per second close with 1008, and let a burst and a single large message through', async () => {
    await using backend = await startEcho();
    const route = { limits: { bytesPerSecond: '10KiB' } };
    await using holdfast = await startHoldfast(relayTo([backend.url], { route }));
    await using socket = await openSocket(holdfast.wsUrl());
    expect(await socket.ask('x'.repeat(9_000))).toHaveLength(9_000);
    socket.send('y'.repeat(20_000));
    expect(await socket.text()).toHaveLength(20_000);
    socket.send('z');
    expect(await socket.untilClosed()).toEqual({ code: 1008, reason: 'too many bytes per second' });
    const metrics = await holdfast.metrics();
    expect(metrics.sum('holdfast_bound_hits_total', { bound: 'bytes_per_second' })).toBe(1);
  });

  it('of bytes per second hold for sessions, too', async () => {
    await using fleet = await SessionFleet.start(1);
    await using holdfast = await startHoldfast(sessionsOf(fleet, { limits: { bytesPerSecond: '10KiB' } }));
    await using session = await RawSession.open(holdfast.wsUrl());
    for (let n = 0; n < 3; n += 1) session.send(`c ${n} ${'x'.repeat(9_000)}`);
    await eventually(() => expect(session.closed).toMatchObject({ code: 1008 }));
  });

  it('are loose rather than closed while the supervisor does not answer', async () => {
    await using backend = await startEcho();
    await using holdfast = await startHoldfast(relayTo([backend.url], { route: { limits: { connections: 1 } } }));
    await using _one = await openSocket(holdfast.wsUrl());
    process.kill(holdfast.pid, 'SIGSTOP');
    try {
      await using two = await openSocket(holdfast.wsUrl());
      expect(await two.ask('hi')).toBe('hi');
    } finally {
      process.kill(holdfast.pid, 'SIGCONT');
    }
    await holdfast.waitForLog('limits not checked');
  });
});

function sessionsOf(fleet: SessionFleet, route: object): Parameters<typeof startHoldfast>[0] {
  return {
    routes: [{ pool: 'app', ...route }],
    pools: { app: { kind: 'session', backends: fleet.urls, health: false, outlier: false } },
  };
}

async function handshake(url: string, who: object): Promise<{ readonly status: number }> {
  try {
    const socket = await openSocket(url, who);
    socket.ws.terminate();
    return { status: 101 };
  } catch (error) {
    return { status: Number(/got (\d{3})/.exec(String(error))?.[1]) };
  }
}
