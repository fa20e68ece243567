/** IPv6 from end to end: listeners, backends, lists and limits of addresses, and PROXY headers in both directions. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startToldApp, type Told, type ToldApp } from '../support/backends/told-app.js';
import { startEcho } from '../support/backends/websocket-echo.js';
import { eventually } from '../support/eventually.js';
import { type Holdfast, relayTo, startHoldfast } from '../support/holdfast.js';
import { fetchFrom } from '../support/http-client.js';
import { startMicrosocks } from '../support/microsocks.js';
import { freePort } from '../support/ports.js';
import { connectRaw } from '../support/raw-client.js';
import { openRefused, openSocket } from '../support/websocket-client.js';

const LOOPBACK = '0:0:0:0:0:0:0:1';
const GET = 'GET /raw HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n';
/** Of somebody on an IPv6 network, who had come to another one. */
const CLIENT = '2001:db8:1:2:0:0:0:5';
const V1 = `PROXY TCP6 2001:db8:1:2::5 2001:db8:ffff::1 4660 443\r\n`;
const V2 = Buffer.from(
  '0d0a0d0a000d0a515549540a21210024' +
    '20010db8000100020000000000000005' +
    '20010db8ffff00000000000000000001' +
    '123401bb',
  'hex',
).toString('latin1');

function from(address: string): { readonly headers: Record<string, string> } {
  return { headers: { 'x-forwarded-for': address } };
}

describe('IPv6', () => {
  let backend: ToldApp;
  let holdfast: Holdfast;
  let port: number;
  let proxied: number;
  const web = (path: string): string => `http://[::1]:${port}${path}`;
  const ws = (path: string): string => `ws://[::1]:${port}${path}`;

  beforeAll(async () => {
    backend = await startToldApp({ host: '::1' });
    [port, proxied] = [await freePort(), await freePort()];
    const app = { backends: [backend.url], proxyProtocol: 'v2', outlier: false };
    holdfast = await startHoldfast({
      workers: 2,
      listen: [{ address: `[::1]:${port}` }, { address: `[::1]:${proxied}`, proxyProtocol: { from: ['::1'] } }],
      trustedProxies: ['::1/128'],
      routes: [
        { match: { path: '/few' }, pool: 'app', limits: { connectionsPerAddress: 1 } },
        { match: { path: '/single' }, pool: 'app', limits: { connectionsPerAddress: 1, ipv6Prefix: 128 } },
        { match: { path: '/listed' }, pool: 'app', access: { allow: ['2001:db8::/32'], deny: ['2001:db8:bad::/48'] } },
        { match: { path: '/' }, pool: 'app' },
      ],
      pools: { app: { ...app, health: { type: 'http', path: '/', interval: '200ms', timeout: '10s' } } },
    });
  });

  afterAll(async () => {
    await holdfast?.[Symbol.asyncDispose]();
    await backend?.[Symbol.asyncDispose]();
  });

  it('carries requests, WebSockets and health checks, and backends are told of it in PROXY headers', async () => {
    const told = JSON.parse((await fetchFrom(web('/'))).body) as Told;
    expect(told).toMatchObject({ command: 'PROXY TCP6', to: `${LOOPBACK} ${port}` });
    expect(told.from).toMatch(new RegExp(`^${LOOPBACK} `));
    await using socket = await openSocket(ws('/'));
    expect(JSON.parse(await socket.text()) as Told).toMatchObject({ command: 'PROXY TCP6' });
    expect(await socket.ask('hi')).toBe('hi');
    await eventually(async () => {
      expect(JSON.stringify((await holdfast.admin('/v1/backends')).body)).toContain('"state":"ready"');
    });
    expect(backend.refused).toBe(0);
  });

  it.each([
    ['version 1', V1],
    ['version 2', V2],
  ])('comes in by PROXY headers, and goes out by them: %s', async (_name, header) => {
    const raw = await connectRaw({ host: '::1', port: proxied });
    raw.write(Buffer.from(header + GET, 'latin1'));
    const answer = await raw.untilEnd();
    expect(JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1)) as Told).toEqual({
      command: 'PROXY TCP6',
      from: `${CLIENT} 4660`,
      to: '2001:db8:ffff:0:0:0:0:1 443',
      isSecure: false,
    });
  });

  it('is allowed and denied by networks, however an address is written', async () => {
    const statusOf = async (address: string): Promise<number> =>
      (await fetchFrom(web('/listed'), from(address))).status;
    expect(await statusOf('2001:db8:1::1')).toBe(200);
    expect(await statusOf('[2001:0DB8:0001::1]:4660')).toBe(200);
    expect(await statusOf('2001:db8:bad:1::1')).toBe(403);
    expect(await statusOf('2001:DB8:0bad::')).toBe(403);
    expect(await statusOf('2001:db9::1')).toBe(403);
    expect(await statusOf('192.0.2.1')).toBe(403);
    expect((await openRefused(ws('/listed'), from('2001:db8:bad::9'))).status).toBe(403);
  });

  it('counts the addresses of one network as one client, over all workers', async () => {
    await using _one = await openSocket(ws('/few'), from('2001:db8:1:2::5'));
    for (const same of ['2001:db8:1:2::5', '2001:db8:1:2:ffff::6', '2001:0DB8:1:2::7']) {
      expect((await openRefused(ws('/few'), from(same))).status).toBe(429);
    }
    await using _neighbour = await openSocket(ws('/few'), from('2001:db8:1:3::5'));
    await using _old = await openSocket(ws('/few'), from('192.0.2.1'));
    expect((await openRefused(ws('/few'), from('::ffff:192.0.2.1'))).status).toBe(429);
  });

  it('counts single addresses where ipv6Prefix is 128, whatever they look like', async () => {
    await using _one = await openSocket(ws('/single'), from('2001:db8:1:2::5'));
    await using _other = await openSocket(ws('/single'), from('2001:db8:1:2::6'));
    expect((await openRefused(ws('/single'), from('2001:0db8:0001:2:0:0:0:5'))).status).toBe(429);
  });

  it('reaches backends behind a SOCKS5 proxy', async () => {
    await using socks = await startMicrosocks({ from: '::1', auth: false });
    const pool = { proxy: `socks5://127.0.0.1:${socks.port}` };
    await using echo = await startEcho({ host: '::1' });
    await using other = await startHoldfast(relayTo([echo.url], { pool }));
    await using socket = await openSocket(other.wsUrl());
    expect(await socket.ask('hi')).toBe('hi');
    expect(new Set([...echo.sockets].map(({ remoteAddress }) => remoteAddress))).toEqual(new Set(['::1']));
    expect((await fetchFrom(other.url())).body).toBe('echo');
  });
});
