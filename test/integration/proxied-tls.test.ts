/** What stands between a balancer and a backend with TLS: a SOCKS5 proxy, which sees none of it, and a PROXY header ahead of it. */
import { createServer } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { type Listening, listen } from '../support/backends/listening.js';
import { startToldApp, type Told, type ToldApp } from '../support/backends/told-app.js';
import { makeAuthority, makeCertificate } from '../support/certificate.js';
import { CertificateFiles } from '../support/certificate-files.js';
import { eventually } from '../support/eventually.js';
import type { Server } from '../support/haproxy.js';
import { type Holdfast, startHoldfast } from '../support/holdfast.js';
import { fetchFrom } from '../support/http-client.js';
import { startMicrosocks } from '../support/microsocks.js';
import { openRefused, openSocket } from '../support/websocket-client.js';

const PROXY_EXIT = '127.0.7.8';
const CLIENT = '127.0.1.5';
const authority = makeAuthority('test authority');
const ofTheBackend = makeCertificate('localhost', { issuer: authority });

describe('backends with TLS', () => {
  const files = new CertificateFiles();
  let behindSocks: Listening;
  let told: ToldApp;
  let six: ToldApp;
  let socks: Server;
  let socksToSix: Server;
  let holdfast: Holdfast;

  beforeAll(async () => {
    const ca = files.write('ca', authority).certificate;
    const https = createServer({ cert: ofTheBackend.certificate, key: ofTheBackend.key }, (_, response) =>
      response.end('hello'),
    );
    const sockets = new WebSocketServer({ server: https });
    sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(String(data))));
    behindSocks = await listen(https);
    told = await startToldApp({ tls: ofTheBackend });
    six = await startToldApp({ tls: ofTheBackend, host: '::1' });
    socksToSix = await startMicrosocks({ from: '::1', auth: false });
    socks = await startMicrosocks({ from: PROXY_EXIT, auth: false });
    const proxy = `socks5://127.0.0.1:${socks.port}`;
    const plain = { health: false, outlier: false, retries: 0 };
    const secure = `https://localhost:${behindSocks.port}`;
    const pools = {
      // The name is the backend's, which is nowhere the proxy's.
      socks: { backends: [secure], proxy, tls: { ca }, ...plain },
      check: {
        backends: [secure],
        proxy,
        tls: { ca },
        health: { type: 'http', path: '/', interval: '200ms', timeout: '10s' },
      },
      misnamed: { backends: [`https://127.0.0.1:${behindSocks.port}`], proxy, tls: { ca }, ...plain },
      named: {
        backends: [`https://127.0.0.1:${behindSocks.port}`],
        proxy,
        tls: { ca, serverName: 'localhost' },
        ...plain,
      },
      untrusted: { backends: [secure], proxy, ...plain },
      told: {
        backends: [`https://localhost:${told.port}`],
        proxyProtocol: 'v2',
        tls: { ca },
        health: { type: 'http', path: '/', interval: '200ms', timeout: '10s' },
      },
      both: { backends: [`https://localhost:${told.port}`], proxyProtocol: 'v2', proxy, tls: { ca }, ...plain },
      six: {
        backends: [`https://[::1]:${six.port}`],
        proxyProtocol: 'v2',
        tls: { ca, serverName: 'localhost' },
        ...plain,
      },
    };
    const sixByProxy = { ...pools.six, proxy: `socks5://127.0.0.1:${socksToSix.port}` };
    const all = { ...pools, sixByProxy };
    const routes = Object.keys(all).map((pool) => ({ match: { path: `/${pool}` }, pool }));
    holdfast = await startHoldfast({ routes, pools: all });
  });

  afterAll(async () => {
    for (const started of [holdfast, socks, socksToSix, behindSocks, told, six]) await started?.[Symbol.asyncDispose]();
    files[Symbol.dispose]();
  });

  it.each(['socks', 'named'])(
    'behind a SOCKS5 proxy prove who they are by the name that is theirs (%s)',
    async (pool) => {
      expect((await fetchFrom(holdfast.url(`/${pool}`))).body).toBe('hello');
      await using socket = await openSocket(holdfast.wsUrl(`/${pool}`));
      expect(await socket.ask('hi')).toBe('hi');
      expect(new Set([...behindSocks.sockets].map(({ remoteAddress }) => remoteAddress))).toEqual(
        new Set([PROXY_EXIT]),
      );
    },
  );

  it('behind a SOCKS5 proxy pass their health checks', async () => {
    await eventually(
      async () => {
        const { body } = await holdfast.admin('/v1/backends');
        const those = (body as { backends: readonly { pool: string; state: string }[] }).backends;
        expect(those.filter(({ pool }) => pool === 'check').map(({ state }) => state)).toEqual(['ready']);
      },
      { withinMs: 15_000 },
    );
    expect((await fetchFrom(holdfast.url('/check'))).body).toBe('hello');
  });

  it.each(['misnamed', 'untrusted'])(
    'behind a SOCKS5 proxy that prove nothing are not spoken to (%s)',
    async (pool) => {
      expect((await fetchFrom(holdfast.url(`/${pool}`))).status).toBe(503);
      expect((await openRefused(holdfast.wsUrl(`/${pool}`))).status).toBe(503);
      const line = await holdfast.waitForLog((entry) => entry['pool'] === pool && entry['kind'] === 'websocket');
      expect(line['detail']).toMatch(pool === 'misnamed' ? /altnames|IP/ : /certificate/);
    },
  );

  it.each(['told', 'both', 'six', 'sixByProxy'])('are told of each client ahead of TLS (%s)', async (pool) => {
    for (const localAddress of [CLIENT, '127.0.1.6']) {
      const answer = JSON.parse((await fetchFrom(holdfast.url(`/${pool}`), { localAddress })).body) as Told;
      expect(answer).toMatchObject({ command: 'PROXY TCP4', isSecure: true });
      expect(answer.from).toMatch(new RegExp(`^${localAddress} `));
      expect(answer.to).toBe(`127.0.0.1 ${holdfast.port}`);
    }
    await using socket = await openSocket(holdfast.wsUrl(`/${pool}`), { localAddress: CLIENT });
    expect(JSON.parse(await socket.text()) as Told).toMatchObject({ command: 'PROXY TCP4', isSecure: true });
    expect(await socket.ask('hi')).toBe('hi');
    expect([told.refused, six.refused]).toEqual([0, 0]);
  });
});
