/** PROXY headers of a real HAProxy, of both versions, over plain and TLS; headers that nobody is to believe; and ours. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { request as requestHttps } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bigHash, type Echoed, type HttpApp, startHttpApp } from '../support/backends/http-app.js';
import { listen } from '../support/backends/listening.js';
import { type EchoBackend, startEcho } from '../support/backends/websocket-echo.js';
import { makeCertificate } from '../support/certificate.js';
import { eventually } from '../support/eventually.js';
import { type Server, startHaproxy } from '../support/haproxy.js';
import { type Holdfast, relayTo, startHoldfast } from '../support/holdfast.js';
import { answered, fetchFrom, openRequest, readAll, startRequest } from '../support/http-client.js';
import { freePort } from '../support/ports.js';
import { connectRaw } from '../support/raw-client.js';
import { openRefused, openSocket } from '../support/websocket-client.js';

/** Listeners of one balancer: plain and TLS for HAProxy's address, and one that expects no headers. */
interface Doors {
  readonly plain: number;
  readonly tls: number;
  readonly closed: number;
}

/** HAProxy connects from here; every other address is a stranger's. */
const PEER = '127.0.0.1';
const STRANGER = '127.0.1.9';
const CLIENT = '127.0.1.5';
const V2_LINE = '\r\n\r\n\0\r\nQUIT\n';
const GET = 'GET /who HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n';

describe('PROXY headers in front', () => {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-proxy-'));
  let app: HttpApp;
  let echo: EchoBackend;
  let holdfast: Holdfast;
  let doors: Doors;

  beforeAll(async () => {
    app = await startHttpApp();
    echo = await startEcho();
    const made = makeCertificate('a.test');
    const tls = { certificate: join(directory, 'a.pem'), key: join(directory, 'a.key') };
    writeFileSync(tls.certificate, made.certificate);
    writeFileSync(tls.key, made.key);
    const proxyProtocol = { from: [PEER] };
    doors = { plain: await freePort(), tls: await freePort(), closed: await freePort() };
    holdfast = await startHoldfast({
      workers: 2,
      listen: [
        { address: `127.0.0.1:${doors.plain}`, proxyProtocol },
        { address: `127.0.0.1:${doors.tls}`, tls, proxyProtocol },
        { address: `127.0.0.1:${doors.closed}` },
      ],
      routes: [
        { match: { path: '/', upgrade: true }, pool: 'echo' },
        { match: { path: '/' }, pool: 'app' },
      ],
      pools: { echo: { backends: [echo.url], health: false }, app: { backends: [app.url], health: false } },
    });
  });

  afterAll(async () => {
    await holdfast?.[Symbol.asyncDispose]();
    await echo?.[Symbol.asyncDispose]();
    await app?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  async function refusals(): Promise<number> {
    return (await holdfast.metrics()).sum('holdfast_bound_hits_total', { bound: 'proxy_header' }) ?? 0;
  }

  it.each(['send-proxy', 'send-proxy-v2'])('are believed of HAProxy with %s', async (option) => {
    await using haproxy = await startHaproxy(['mode tcp', `server s 127.0.0.1:${doors.plain} ${option}`]);
    const answer = await fetchFrom(`http://127.0.0.1:${haproxy.port}/page`, { localAddress: CLIENT });
    const { headers } = JSON.parse(answer.body) as Echoed;
    expect(headers['x-forwarded-for']).toBe(CLIENT);
    const url = `ws://127.0.0.1:${haproxy.port}/`;
    await using socket = await openSocket(url, { localAddress: CLIENT });
    const large = 'x'.repeat(300_000);
    expect((await socket.ask(large)) === large).toBe(true);
    expect(echo.handshakes.at(-1)?.headers['x-forwarded-for']).toBe(CLIENT);
  });

  it.each(['send-proxy', 'send-proxy-v2'])('are believed ahead of TLS with %s', async (option) => {
    await using haproxy = await startHaproxy(['mode tcp', `server s 127.0.0.1:${doors.tls} ${option}`]);
    const options = {
      port: haproxy.port,
      path: '/page',
      localAddress: CLIENT,
      rejectUnauthorized: false,
      agent: false,
    };
    const body = await new Promise<Buffer>((resolve, reject) => {
      const sent = requestHttps({ host: '127.0.0.1', ...options }, (response) => resolve(readAll(response)));
      sent.on('error', reject).end();
    });
    const { headers } = JSON.parse(body.toString()) as Echoed;
    expect(headers).toMatchObject({ 'x-forwarded-for': CLIENT, 'x-forwarded-proto': 'https' });
  });

  it("leave HAProxy's own health checks to itself", async () => {
    const check = 'http-check send meth GET uri /status/200 ver HTTP/1.1 hdr Host h hdr Connection close';
    const lines = ['option httpchk', check, 'http-check expect status 200', 'timeout check 10s'];
    const server = `server s 127.0.0.1:${doors.plain} send-proxy-v2 check inter 500ms rise 1 fall 20`;
    await using haproxy = await startHaproxy(['mode tcp', ...lines, server]);
    await eventually(() => expect(app.requests.at(-1)?.url).toBe('/status/200'), { withinMs: 15_000 });
    expect(app.requests.at(-1)?.headers['x-forwarded-for']).toBe(PEER);
    const answer = await fetchFrom(`http://127.0.0.1:${haproxy.port}/who`);
    expect(answer.status).toBe(200);
  });

  it('carry bodies of any size to clients of any speed', async () => {
    await using haproxy = await startHaproxy(['mode tcp', `server s 127.0.0.1:${doors.plain} send-proxy-v2`]);
    const { response } = await startRequest(`http://127.0.0.1:${haproxy.port}/big/64`);
    const digest = createHash('sha256');
    for await (const chunk of response) {
      digest.update(chunk as Buffer);
      // Every turn of the event loop one chunk: the rest of the way has to wait for it.
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(digest.digest('hex')).toBe(bigHash(64));
  });

  it.each([
    ['version 1', `PROXY TCP4 203.0.113.9 127.0.0.1 1234 80\r\n${GET}`],
    ['version 2', v2Header('203.0.113.9') + GET],
  ])('of a stranger are refused: %s', async (_name, bytes) => {
    const before = await refusals();
    const count = app.requests.length;
    const raw = await connectRaw({ port: doors.plain, localAddress: STRANGER });
    raw.write(Buffer.from(bytes, 'latin1'));
    await raw.untilEnd();
    expect(raw.received).toBe('');
    expect(app.requests).toHaveLength(count);
    await eventually(async () => expect(await refusals()).toBe(before + 1), { withinMs: 10_000 });
    await holdfast.waitForLog('PROXY header refused');
  });

  it('are not needed by a stranger, who speaks for himself', async () => {
    const url = `http://127.0.0.1:${doors.plain}/page`;
    const answer = await fetchFrom(url, { localAddress: STRANGER });
    expect((JSON.parse(answer.body) as Echoed).headers['x-forwarded-for']).toBe(STRANGER);
  });

  it.each([
    ['nothing of it', GET],
    ['nonsense', 'PROXY TCP4 nonsense\r\n'],
    ['a line without end', `PROXY TCP4 ${'1'.repeat(120)}`],
  ])('are demanded of the peer: it is cut when it sends %s', async (_name, bytes) => {
    const raw = await connectRaw({ port: doors.plain, localAddress: PEER });
    raw.write(Buffer.from(bytes, 'latin1'));
    await raw.untilEnd();
    expect(raw.received).toBe('');
  });

  it('are demanded of the peer within 3 s', async () => {
    const raw = await connectRaw({ port: doors.plain, localAddress: PEER });
    raw.write(Buffer.from('PROXY TC'));
    await raw.untilEnd();
    expect(raw.received).toBe('');
  });

  it('may come byte by byte', async () => {
    const raw = await connectRaw({ port: doors.plain, localAddress: PEER });
    for (const byte of Buffer.from(v2Header('203.0.113.9'), 'latin1')) {
      raw.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    raw.write(Buffer.from(GET));
    await raw.untilEnd();
    expect(raw.received).toContain('200 OK');
    expect(app.requests.at(-1)?.headers['x-forwarded-for']).toBe('203.0.113.9');
  });

  it('behind the one of the peer are refused, since its client wrote them', async () => {
    const count = app.requests.length;
    const raw = await connectRaw({ port: doors.plain, localAddress: PEER });
    raw.write(Buffer.from(v2Header('203.0.113.9') + v2Header('198.51.100.1') + GET, 'latin1'));
    await raw.untilEnd();
    expect(raw.received).toContain('400 Bad Request');
    expect(app.requests).toHaveLength(count);
  });

  it.each([
    ['version 1', `PROXY TCP4 203.0.113.9 127.0.0.1 1234 80\r\n${GET}`],
    ['version 2', v2Header('203.0.113.9') + GET],
  ])('are refused of anybody where none are configured: %s', async (_name, bytes) => {
    const count = app.requests.length;
    const raw = await connectRaw({ port: doors.closed, localAddress: PEER });
    raw.write(Buffer.from(bytes, 'latin1'));
    await raw.untilEnd();
    expect(raw.received).toMatch(/^HTTP\/1\.1 (?:400|505) /);
    expect(app.requests).toHaveLength(count);
  });

  it('end with the connection, whichever side breaks it', async () => {
    await using haproxy = await startHaproxy(['mode tcp', `server s 127.0.0.1:${doors.plain} send-proxy-v2`]);
    const url = `ws://127.0.0.1:${haproxy.port}/`;
    const gone = await openSocket(url);
    const kept = await openSocket(url);
    const before = echo.closes.length;
    gone.ws.terminate();
    await eventually(() => expect(echo.closes).toHaveLength(before + 1));
    kept.ws.send('!close 4001 done');
    expect(await kept.untilClosed()).toEqual({ code: 4001, reason: 'done' });
  });

  it('do not keep a balancer from draining, after which its port is free', async () => {
    const port = await freePort();
    const listenAt = [{ address: `127.0.0.1:${port}`, proxyProtocol: { from: [PEER] } }];
    await using other = await startHoldfast({ ...relayTo([echo.url]), listen: listenAt, workers: 2 });
    await using haproxy = await startHaproxy(['mode tcp', `server s 127.0.0.1:${port} send-proxy`]);
    const socket = await openSocket(`ws://127.0.0.1:${haproxy.port}/`);
    const ended = socket.untilClosed();
    expect(await other.terminate()).toBe(0);
    expect((await ended).code).toBe(1001);
    await using server = await listen(createServer(), port);
    expect(server.port).toBe(port);
  });
});

describe('PROXY headers towards backends', () => {
  let app: HttpApp;
  let behind: Server;
  let before: Server;
  let holdfast: Holdfast;

  beforeAll(async () => {
    app = await startHttpApp();
    // It refuses connections without a header, those of health checks included.
    const told = ['x-src %[src]:%[src_port]', 'x-dst %[dst]:%[dst_port]'].map((it) => `http-request set-header ${it}`);
    behind = await startHaproxy(['mode http', ...told, `server s 127.0.0.1:${app.port}`], 'accept-proxy');
    const [open, proxied] = [await freePort(), await freePort()];
    const health = { type: 'http', path: '/health', interval: '200ms', timeout: '10s' };
    holdfast = await startHoldfast(
      {
        ...relayTo([`http://127.0.0.1:${behind.port}`], { pool: { proxyProtocol: 'v2', health } }),
        listen: [
          { address: `127.0.0.1:${open}` },
          { address: `127.0.0.1:${proxied}`, proxyProtocol: { from: [PEER] } },
        ],
      },
      { ports: { port: open, adminPort: await freePort() } },
    );
    before = await startHaproxy(['mode tcp', `server s 127.0.0.1:${proxied} send-proxy-v2`]);
  });

  afterAll(async () => {
    for (const started of [holdfast, before, behind, app]) await started?.[Symbol.asyncDispose]();
  });

  it('name the client of each request, also where clients take turns', async () => {
    const shapes = [CLIENT, STRANGER].map((localAddress) => ({ localAddress, agent: new Agent({ keepAlive: true }) }));
    for (const shape of [...shapes, ...shapes]) {
      const { headers } = JSON.parse((await fetchFrom(holdfast.url('/page'), shape)).body) as Echoed;
      expect(headers['x-src']).toMatch(new RegExp(`^${shape.localAddress}:`));
      expect(headers['x-dst']).toBe(`127.0.0.1:${holdfast.port}`);
    }
    for (const { agent } of shapes) agent.destroy();
  });

  it('name the client, its port and where it had come to, out of the header of a HAProxy in front', async () => {
    const sent = openRequest(`http://127.0.0.1:${before.port}/page`, { localAddress: CLIENT });
    sent.end();
    const { response } = await answered(sent);
    const port = response.socket.localPort;
    const { headers } = JSON.parse((await readAll(response)).toString()) as Echoed;
    expect(headers).toMatchObject({ 'x-src': `${CLIENT}:${port}`, 'x-dst': `127.0.0.1:${before.port}` });
  });

  it('name the client of a WebSocket', async () => {
    const refused = await openRefused(`ws://127.0.0.1:${before.port}/page`, { localAddress: CLIENT });
    const { headers } = JSON.parse(refused.body) as Echoed;
    expect(headers['x-src']).toMatch(new RegExp(`^${CLIENT}:[1-9]`));
    expect(headers['upgrade']).toBe('websocket');
  });

  it('name nobody in health checks, which pass', async () => {
    await eventually(() => expect(app.requests.map(({ url }) => url)).toContain('/health'), { withinMs: 10_000 });
    const { body } = await holdfast.admin('/v1/backends');
    expect(JSON.stringify(body)).toContain('"state":"ready"');
  });
});

/** TCP over IPv4 from an address, port 4660, to 127.0.0.1:80; as latin1. */
function v2Header(from: string): string {
  const addresses = [...from.split('.').map(Number), 127, 0, 0, 1];
  return `${V2_LINE}\x21\x11\0\x0c${String.fromCharCode(...addresses)}\x12\x34\0\x50`;
}
