/** Pools behind a SOCKS5 proxy that others wrote: everything that goes to their backends goes through it. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Echoed, type HttpApp, startHttpApp } from '../support/backends/http-app.js';
import { type Listening, listen } from '../support/backends/listening.js';
import { type EchoBackend, startEcho } from '../support/backends/websocket-echo.js';
import { eventually } from '../support/eventually.js';
import type { Server } from '../support/haproxy.js';
import { type Holdfast, startHoldfast } from '../support/holdfast.js';
import { fetchFrom } from '../support/http-client.js';
import { SOCKS_PASSWORD, SOCKS_USER, startMicrosocks } from '../support/microsocks.js';
import { freePort } from '../support/ports.js';
import { RawSession } from '../support/sessions/raw-session.js';
import { SessionFleet } from '../support/sessions/session-fleet.js';
import { openSocket } from '../support/websocket-client.js';

/** Where the proxies' connections come from: what comes from anywhere else went past them. */
const PROXY_EXIT = '127.0.7.7';
/** The same in /proc/net/tcp. */
const PROXY_EXIT_HEX = '0707007F';

describe('a pool behind a SOCKS5 proxy', () => {
  let app: HttpApp;
  let echo: EchoBackend;
  let sessions: SessionFleet;
  let open: Server;
  let guarded: Server;
  let silent: Listening;
  let holdfast: Holdfast;

  beforeAll(async () => {
    app = await startHttpApp();
    echo = await startEcho();
    sessions = await SessionFleet.start(1);
    open = await startMicrosocks({ from: PROXY_EXIT, auth: false });
    guarded = await startMicrosocks({ from: PROXY_EXIT, auth: true });
    silent = await listen(createServer((socket) => socket.resume()));
    const via = (port: number, user = ''): string => `socks5://${user}127.0.0.1:${port}`;
    const credentials = `${SOCKS_USER}:${encodeURIComponent(SOCKS_PASSWORD)}@`;
    const httpCheck = { type: 'http', path: '/health', interval: '200ms', timeout: '10s' };
    const plain = { health: false, retries: 0 };
    const pools = {
      // A name that the proxy has to resolve.
      http: { backends: [`http://localhost:${app.port}`], proxy: via(guarded.port, credentials), health: httpCheck },
      ws: {
        backends: [echo.url],
        proxy: via(open.port),
        health: { type: 'websocket', interval: '200ms', timeout: '10s' },
      },
      chat: {
        kind: 'session',
        backends: sessions.urls,
        proxy: via(open.port),
        health: { interval: '200ms', timeout: '10s' },
      },
      wrong: { backends: [app.url], proxy: via(guarded.port, 'a-user:a-wrong-password@'), ...plain },
      absent: { backends: [app.url], proxy: via(await freePort()), ...plain },
      silent: { backends: [app.url], proxy: via(silent.port), timeouts: { connect: '300ms' }, ...plain },
    };
    const routes = Object.keys(pools).map((pool) => ({ match: { path: `/${pool}` }, pool }));
    holdfast = await startHoldfast({ routes, pools });
  });

  afterAll(async () => {
    for (const started of [holdfast, open, guarded, silent, app, echo, sessions])
      await started?.[Symbol.asyncDispose]();
  });

  it('gets requests and health checks through it, by a name that the proxy resolves', async () => {
    for (let i = 0; i < 5; i += 1) {
      const answer = await fetchFrom(holdfast.url('/http/page'));
      expect((JSON.parse(answer.body) as Echoed).headers['x-forwarded-for']).toBe('127.0.0.1');
    }
    await eventually(() => expect(app.requests.map(({ url }) => url)).toContain('/health'), { withinMs: 10_000 });
    const peers = [...app.sockets].map(({ remoteAddress }) => remoteAddress);
    expect(peers).toContain(PROXY_EXIT);
    expect(new Set(peers)).toEqual(new Set([PROXY_EXIT]));
  });

  it('gets WebSockets and their checks through it', async () => {
    await using socket = await openSocket(holdfast.wsUrl('/ws'));
    const large = 'x'.repeat(300_000);
    expect((await socket.ask(large)) === large).toBe(true);
    expect(new Set([...echo.sockets].map(({ remoteAddress }) => remoteAddress))).toEqual(new Set([PROXY_EXIT]));
    const { accepted } = echo;
    await eventually(() => expect(echo.accepted).toBeGreaterThan(accepted + 1), { withinMs: 10_000 });
    expect(await socket.ask('still there')).toBe('still there');
    socket.ws.close(4000, 'bye');
    expect(await socket.untilClosed()).toEqual({ code: 4000, reason: 'bye' });
  });

  it('gets its trunks through it', async () => {
    await using session = await RawSession.open(holdfast.wsUrl('/chat'));
    expect(session.welcome).toBeDefined();
    expect(peersOf(sessions.backends[0]!.port)).toEqual(new Set([PROXY_EXIT_HEX]));
  });

  it.each([
    ['refuses the credentials', 'wrong'],
    ['is not there', 'absent'],
    ['says nothing', 'silent'],
  ])('has no reachable backend when the proxy %s', async (_name, pool) => {
    expect((await fetchFrom(holdfast.url(`/${pool}`))).status).toBe(503);
    const line = await holdfast.waitForLog((entry) => entry['pool'] === pool, { withinMs: 10_000 });
    expect(line['detail']).toContain('expected SOCKS5 proxy 127.0.0.1:');
    await expect(openSocket(holdfast.wsUrl(`/${pool}`))).rejects.toThrow('got 503');
  });

  it('keeps the credentials to itself', async () => {
    const told = JSON.stringify(await holdfast.admin('/v1/config')) + holdfast.log.tail(10_000) + holdfast.stderr;
    expect(told).toContain('SOCKS5 proxy');
    for (const secret of [SOCKS_PASSWORD, encodeURIComponent(SOCKS_PASSWORD), 'a-wrong-password']) {
      expect(told).not.toContain(secret);
    }
  });

  it('loses its connections with the proxy', async () => {
    await using socket = await openSocket(holdfast.wsUrl('/ws'));
    expect(await socket.ask('hello')).toBe('hello');
    await open[Symbol.asyncDispose]();
    expect((await socket.untilClosed()).code).not.toBe(1000);
    await eventually(async () => expect((await fetchFrom(holdfast.url('/ws'))).status).toBe(503), {
      withinMs: 15_000,
    });
  });
});

/** Who has an established connection to a port of this machine, in the words of the kernel. */
function peersOf(port: number): Set<string | undefined> {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1);
  const fields = lines.map((line) => line.trim().split(/\s+/));
  const established = fields.filter(([, own, , state]) => own?.endsWith(local) === true && state === '01');
  return new Set(established.map(([, , peer]) => peer?.split(':')[0]));
}
