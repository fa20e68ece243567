import { createHash } from 'node:crypto';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import type { HealthConfig } from '@holdfast/worker';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { WebSocketServer } from 'ws';
import { runCheck } from './run-check.js';

// Signed by itself, for localhost and 127.0.0.1; good for nothing but these tests.
const SELF_SIGNED = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgk7fEWuGdA/FcOiSL
1K1oGaxd4/cOyYsWI6SXEB05QyWhRANCAASlHBB4aPK3hEMQq9YyRY6YNHTPhxUX
jSoOXqPCdJCGH+QYxm5+lw85qpeWxpzN8Nf28LauAWtm4/5TnCD5yprt
-----END PRIVATE KEY-----`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBmTCCAUCgAwIBAgITJP9y9nxOWDMaFkXRuI7ZAT/DeDAKBggqhkjOPQQDAjAU
MRIwEAYDVQQDDAlsb2NhbGhvc3QwIBcNMjYxMTIxMDcxMjUxWhgPMjEyNjEwMjgw
NzEyNTFaMBQxEjAQBgNVBAMMCWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49
AwEHA0IABKUcEHho8reEQxCr1jJFjpg0dM+HFReNKg5eo8J0kIYf5BjGbn6XDzmq
l5bGnM3w1/bwtq4Ba2bj/lOcIPnKmu2jbzBtMB0GA1UdDgQWBBQWQyoysKOuogrA
7sFZrB64FM6vYDAfBgNVHSMEGDAWgBQWQyoysKOuogrA7sFZrB64FM6vYDAPBgNV
HRMBAf8EBTADAQH/MBoGA1UdEQQTMBGCCWxvY2FsaG9zdIcEfwAAATAKBggqhkjO
PQQDAgNHADBEAiAzB9TD3fauDVu3vAX2flS2KiqL2bL4Ju66Ik88IEwRCwIgQ9PP
gN0VUnOtnsAId3tYHJnk6KZ+EAn54566UO0hYIw=
-----END CERTIFICATE-----`,
};

const types = ['tcp', 'http', 'websocket'] as const;
const servers: Server[] = [];
const open = new Set<Socket>();

afterEach(async () => {
  // Every check must have let go of its socket by itself.
  const left = vi.waitFor(
    () => (open.size === 0 ? 0 : Promise.reject(new Error(`${open.size} sockets left open`))),
    3000,
  );
  await left.finally(() => open.clear());
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

async function listen(server: Server, scheme = 'http'): Promise<string> {
  servers.push(server);
  server.on('connection', (socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function config(type: HealthConfig['type'], change: Partial<HealthConfig> = {}): HealthConfig {
  const expect = { min: 200, max: 399 };
  return { type, path: '/health', expect, intervalMs: 1000, timeoutMs: 1000, fall: 3, rise: 2, ...change };
}

/** With a deadline of its own, as the checker gives it. */
async function check(type: HealthConfig['type'], url: string, withinMs = 5000): ReturnType<typeof runCheck> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new Error(`no answer within ${withinMs} ms`)), withinMs);
  const result = await runCheck({ url, serverName: undefined }, config(type), controller.signal);
  clearTimeout(timer);
  return result;
}

function answering(handler: RequestListener): Promise<string> {
  return listen(createHttpServer(handler));
}

/** A socket that reads, as one that does not never learns that its peer has gone. */
function silent(socket: Socket): void {
  socket.resume();
}

function webSocketServer(options: { autoPong?: boolean } = {}): WebSocketServer {
  return new WebSocketServer({ noServer: true, ...options });
}

async function upgrading(sockets: WebSocketServer): Promise<string> {
  const server = createHttpServer();
  server.on('upgrade', (request, socket, head) =>
    sockets.handleUpgrade(request, socket, head, (ws) => sockets.emit('connection', ws)),
  );
  return listen(server);
}

describe('every check', () => {
  it.each(types)('of type %s passes against a healthy backend and measures it', async (type) => {
    const sockets = webSocketServer();
    const server = createHttpServer((_request, response) => response.end('ok'));
    server.on('upgrade', (request, socket, head) => sockets.handleUpgrade(request, socket, head, () => undefined));
    const result = await check(type, await listen(server));
    expect(result).toEqual({ ok: true, rttMs: expect.any(Number) });
    expect(result.ok && result.rttMs).toBeGreaterThan(0);
  });

  it.each(types)('of type %s fails where nobody listens', async (type) => {
    const server = createTcpServer();
    const url = await listen(server);
    await new Promise((resolve) => servers.splice(0)[0]!.close(resolve));
    expect(await check(type, url)).toMatchObject({ ok: false, error: expect.stringContaining('ECONNREFUSED') });
  });

  it.each(['http', 'websocket'] as const)(
    'of type %s fails when the backend accepts and says nothing',
    async (type) => {
      const url = await listen(createTcpServer(silent));
      expect(await check(type, url, 50)).toMatchObject({ ok: false, error: expect.stringContaining('within 50 ms') });
    },
  );

  it.each(['http', 'websocket'] as const)('of type %s fails when the backend resets', async (type) => {
    const url = await listen(createTcpServer((socket) => socket.once('data', () => socket.resetAndDestroy())));
    expect(await check(type, url)).toMatchObject({ ok: false, error: expect.stringContaining('ECONNRESET') });
  });

  it.each(['http', 'websocket'] as const)('of type %s fails when the backend talks another protocol', async (type) => {
    const url = await listen(createTcpServer((socket) => socket.resume().end('220 mail.example ESMTP\r\n')));
    expect(await check(type, url)).toMatchObject({ ok: false, error: expect.stringContaining('expected') });
  });

  it.each(types)('of type %s fails on a certificate that nobody vouches for', async (type) => {
    const url = await listen(
      createHttpsServer(SELF_SIGNED, (_request, response) => response.end()),
      'https',
    );
    expect(await check(type, url)).toMatchObject({ ok: false, error: expect.stringContaining('self-signed') });
  });

  it.each(types)('of type %s answers at once when it is aborted already', async (type) => {
    const signal = AbortSignal.abort(new Error('the end'));
    const result = await runCheck({ url: 'http://127.0.0.1:1', serverName: undefined }, config(type), signal);
    expect(result).toMatchObject({ ok: false, error: expect.stringContaining('the end') });
  });

  it.each(types)('of type %s takes an address that cannot be dialled for a failure', async (type) => {
    const result = await runCheck(
      { url: 'http://', serverName: undefined },
      config(type),
      new AbortController().signal,
    );
    expect(result).toMatchObject({ ok: false, error: expect.stringContaining('expected') });
  });
});

describe('http', () => {
  it.each([
    { status: 200, ok: true },
    { status: 302, ok: true },
    { status: 404, ok: false },
    { status: 500, ok: false },
  ])('answers ok=$ok to status $status', async ({ status, ok }) => {
    const url = await answering((_request, response) => response.writeHead(status).end());
    const result = await check('http', url);
    expect(result.ok).toBe(ok);
    expect(result.ok ? '' : result.error).toContain(
      ok ? '' : `expected status 200–399 from GET ${url}/health, got ${status}`,
    );
  });

  it('does not wait for a body that never ends', async () => {
    const url = await answering((_request, response) => response.writeHead(200).write('data: 1\n\n'));
    expect(await check('http', url)).toMatchObject({ ok: true });
  });
});

describe('websocket', () => {
  it('closes in order', async () => {
    const sockets = webSocketServer();
    const closed = new Promise((resolve) => sockets.on('connection', (ws) => ws.on('close', resolve)));
    expect(await check('websocket', await upgrading(sockets))).toMatchObject({ ok: true });
    expect(await closed).toBe(1000);
  });

  it('fails when the ping is never answered', async () => {
    const url = await upgrading(webSocketServer({ autoPong: false }));
    expect(await check('websocket', url, 100)).toMatchObject({ ok: false, error: expect.stringContaining('pong') });
  });

  it('is not deceived by an unasked pong', async () => {
    const sockets = webSocketServer({ autoPong: false });
    sockets.on('connection', (ws) => ws.pong('hello'));
    expect(await check('websocket', await upgrading(sockets), 100)).toMatchObject({ ok: false });
  });

  it('passes when the backend greets first', async () => {
    const sockets = webSocketServer();
    sockets.on('connection', (ws) => ws.send('welcome'));
    expect(await check('websocket', await upgrading(sockets))).toMatchObject({ ok: true });
  });

  it('fails when the upgrade is refused', async () => {
    const url = await answering((_request, response) => response.writeHead(401).end());
    expect(await check('websocket', url)).toMatchObject({ ok: false, error: expect.stringContaining('401') });
  });

  it('fails when the backend closes before its pong', async () => {
    const sockets = webSocketServer({ autoPong: false });
    sockets.on('connection', (ws) => ws.close(1013));
    const result = await check('websocket', await upgrading(sockets));
    expect(result).toMatchObject({ ok: false, error: expect.stringContaining('1013') });
  });

  it('passes, and cuts the connection, when the backend does not answer the close', async () => {
    const url = await listen(createTcpServer(pongOnly));
    expect(await check('websocket', url)).toMatchObject({ ok: true });
  });
});

/** Speaks just enough of the protocol to answer a ping, and nothing else ever after. */
function pongOnly(socket: Socket): void {
  socket.once('data', (request) => {
    const key = /sec-websocket-key: (.*)\r\n/i.exec(request.toString())?.[1] ?? '';
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
    socket.write([...head, `Sec-WebSocket-Accept: ${accept}`, '', ''].join('\r\n'));
    socket.once('data', (ping) => {
      const length = ping[1]! & 0x7f;
      const mask = ping.subarray(2, 6);
      const payload = ping.subarray(6, 6 + length).map((byte, index) => byte ^ mask[index % 4]!);
      socket.write(Buffer.concat([Buffer.from([0x8a, length]), payload]));
      socket.resume();
    });
  });
}
