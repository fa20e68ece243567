/**
 * What a listener asks of its clients and shows to them: certificates by name, the oldest version, client certificates, and
 * how all of it changes while sockets are open. One balancer with a listener for each way to be asked.
 */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Echoed, type HttpApp, startHttpApp } from '../support/backends/http-app.js';
import { type EchoBackend, startEcho } from '../support/backends/websocket-echo.js';
import { type Certificate, makeAuthority, makeCertificate } from '../support/certificate.js';
import { CertificateFiles } from '../support/certificate-files.js';
import { eventually } from '../support/eventually.js';
import { type Holdfast, type HoldfastConfig, startHoldfast } from '../support/holdfast.js';
import { freePort } from '../support/ports.js';
import { openRefused, openSocket } from '../support/websocket-client.js';

const authority = makeAuthority('client authority');
const known = shown(makeCertificate('client one', { issuer: authority }));
const unknown = shown(makeCertificate('client one', { issuer: makeAuthority('another authority') }));
const nobody: ConnectionOptions = {};

const files = new CertificateFiles();
let echo: EchoBackend;
let app: HttpApp;
let holdfast: Holdfast;
let ports: { readonly named: number; readonly newest: number; readonly required: number; readonly optional: number };

function shown({ certificate, key }: Certificate): { readonly key: string; readonly cert: string } {
  return { cert: certificate, key };
}

function configOf(): HoldfastConfig {
  const own = files.write('a', makeCertificate('a.test'));
  const names = {
    'b.test': files.write('b', makeCertificate('b.test')),
    '*.c.test': files.write('c', makeCertificate('*.c.test')),
  };
  const { certificate: ca } = files.write('client-ca', authority);
  const clients = (mode: string): object => ({ ...own, names, clientCertificates: { ca, mode } });
  const listen = (port: number, tls: object): object => ({ address: `127.0.0.1:${port}`, tls });
  return {
    workers: 2,
    listen: [
      listen(ports.named, { ...own, names }),
      listen(ports.newest, { ...own, names, minVersion: 'TLSv1.3' }),
      listen(ports.required, clients('required')),
      listen(ports.optional, clients('optional')),
    ],
    trustedProxies: ['127.0.5.0/24'],
    routes: [
      { match: { path: '/ws' }, pool: 'echo' },
      { match: { path: '/' }, pool: 'app' },
    ],
    pools: { echo: { backends: [echo.url], health: false }, app: { backends: [app.url], health: false } },
  };
}

beforeAll(async () => {
  echo = await startEcho();
  app = await startHttpApp();
  ports = {
    named: await freePort(),
    newest: await freePort(),
    required: await freePort(),
    optional: await freePort(),
  };
  holdfast = await startHoldfast(configOf());
});

afterAll(async () => {
  await holdfast?.[Symbol.asyncDispose]();
  await echo?.[Symbol.asyncDispose]();
  await app?.[Symbol.asyncDispose]();
  files[Symbol.dispose]();
});

/** Gives the connected socket, or rejects as TLS does. */
function handshake(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, servername: 'a.test', rejectUnauthorized: false, ...options });
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', reject);
  });
}

async function shownName(port: number, options: ConnectionOptions = {}): Promise<string> {
  const socket = await handshake(port, options);
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

interface Got {
  readonly status: number;
  readonly echoed: Echoed;
}

async function get(port: number, options: ConnectionOptions & { headers?: Record<string, string> } = {}): Promise<Got> {
  const base = {
    host: '127.0.0.1',
    port,
    path: '/page',
    servername: 'a.test',
    agent: false,
    rejectUnauthorized: false,
  };
  const sent = request({ ...base, ...options } as object).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const body = await text(response);
  const status = response.statusCode ?? 0;
  return { status, echoed: status === 200 ? (JSON.parse(body) as Echoed) : ({} as Echoed) };
}

describe('certificates by name', () => {
  it.each(['a.test', 'b.test', 'x.c.test', 'y.x.c.test'])('serve requests and WebSockets of %s', async (servername) => {
    expect((await get(ports.named, { servername })).status).toBe(200);
    const url = `wss://127.0.0.1:${ports.named}/ws`;
    await using socket = await openSocket(url, { rejectUnauthorized: false, servername });
    expect(await socket.ask(servername)).toBe(servername);
  });

  it.each([
    ['x.c.test', '*.c.test'],
    // A wildcard stands for one label, as in certificates.
    ['y.x.c.test', 'a.test'],
    ['', 'a.test'],
  ])('are chosen for "%s": %s', async (servername, name) => {
    expect(await shownName(ports.named, { servername })).toBe(name);
  });

  it('leave the log to log lines', () => {
    expect(holdfast.log.lines.filter((line) => line.raw !== undefined)).toEqual([]);
  });
});

describe('the oldest version', () => {
  it.each(['a.test', 'b.test'])('is TLS 1.2 unless configured otherwise, for %s', async (servername) => {
    const old: ConnectionOptions = {
      servername,
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1',
      ciphers: 'ALL@SECLEVEL=0',
    };
    await expect(handshake(ports.named, old)).rejects.toThrow(/alert protocol version|unsupported protocol/);
    (await handshake(ports.named, { servername, maxVersion: 'TLSv1.2' })).destroy();
  });

  it.each(['a.test', 'b.test'])('can be TLS 1.3, for %s', async (servername) => {
    await expect(handshake(ports.newest, { servername, maxVersion: 'TLSv1.2' })).rejects.toThrow(/handshake failure/);
    const socket = await handshake(ports.newest, { servername });
    expect(socket.getProtocol()).toBe('TLSv1.3');
    socket.destroy();
  });
});

describe('client certificates', () => {
  it.each(['a.test', 'b.test'])('let in who shows one, and name it to the backend, over %s', async (servername) => {
    const { status, echoed } = await get(ports.required, { ...known, servername });
    expect(status).toBe(200);
    expect(echoed.headers['x-forwarded-client-cert']).toMatch(/^Hash=[0-9a-f]{64};Subject="CN=client one"$/);
    const url = `wss://127.0.0.1:${ports.required}/ws`;
    await using socket = await openSocket(url, { ...known, rejectUnauthorized: false, servername });
    expect(await socket.ask('mutual')).toBe('mutual');
    expect(echo.handshakes.at(-1)?.headers['x-forwarded-client-cert']).toContain('CN=client one');
  });

  it.each(['a.test', 'b.test'])('that are required keep out who has none, over %s', async (servername) => {
    expect((await get(ports.required, { ...nobody, servername })).status).toBe(403);
    const url = `wss://127.0.0.1:${ports.required}/ws`;
    expect((await openRefused(url, { rejectUnauthorized: false, servername })).status).toBe(403);
  });

  it.each(['a.test', 'b.test'])('of others keep out, required or not, over %s', async (servername) => {
    for (const port of [ports.required, ports.optional]) {
      await expect(get(port, { ...unknown, servername })).rejects.toThrow(
        /ECONNRESET|hang up|disconnected|alert|EPIPE/,
      );
      await expect(get(port, { ...unknown, servername, maxVersion: 'TLSv1.2' })).rejects.toThrow(
        /ECONNRESET|hang up|disconnected|alert|EPIPE/,
      );
    }
  });

  it('that are optional let in who has none, of whom the backend hears nothing', async () => {
    const { status, echoed } = await get(ports.optional, nobody);
    expect(status).toBe(200);
    expect(echoed.headers).not.toHaveProperty('x-forwarded-client-cert');
    expect((await get(ports.optional, known)).echoed.headers['x-forwarded-client-cert']).toContain('CN=client one');
  });

  it('cannot be claimed with a header', async () => {
    for (const name of ['x-forwarded-client-cert', 'X_Forwarded_Client_Cert']) {
      const { echoed } = await get(ports.optional, { headers: { [name]: 'Hash=0;Subject="CN=admin"' } });
      expect(JSON.stringify(echoed.headers)).not.toContain('admin');
    }
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('count for a resumed TLS session, too: %s', async (maxVersion) => {
    const session = await sessionOf(ports.required, { ...known, maxVersion });
    // Whoever resumes shows none again; the other worker asks for it.
    await eventually(async () => {
      const socket = await handshake(ports.required, { ...known, session, maxVersion });
      const isResumed = socket.isSessionReused();
      const answer = await answerOn(socket);
      expect(answer).toMatch(/^HTTP\/1.1 200/);
      expect(answer).toContain('CN=client one');
      expect(isResumed).toBe(true);
    });
  });
});

describe('TLS sessions', () => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'are resumed by the worker that they began with, and nowhere harmful: %s',
    async (maxVersion) => {
      const session = await sessionOf(ports.named, { maxVersion });
      const resumed: boolean[] = [];
      for (let i = 0; i < 40; i += 1) {
        const socket = await handshake(ports.named, { session, maxVersion });
        resumed.push(socket.isSessionReused());
        socket.destroy();
      }
      expect(resumed).toContain(true);
      expect(resumed).toContain(false);
    },
  );
});

describe('a reload', () => {
  it('takes a renewed certificate under the same path, and leaves open sockets alone', async () => {
    const url = `wss://127.0.0.1:${ports.named}/ws`;
    await using open = await openSocket(url, { rejectUnauthorized: false });
    await using named = await openSocket(url, { rejectUnauthorized: false, servername: 'b.test' });
    const session = await sessionOf(ports.named, {});
    files.write('a', makeCertificate('a2.test'));
    files.write('b', makeCertificate('b2.test'));
    await reload();
    for (let i = 0; i < 8; i += 1) {
      expect(await shownName(ports.named)).toBe('a2.test');
      expect(await shownName(ports.named, { servername: 'b.test' })).toBe('b2.test');
    }
    expect(await open.ask('still here')).toBe('still here');
    expect(await named.ask('still here, too')).toBe('still here, too');
    // The keys of tickets went with the old settings: whoever was trusted under those is asked anew.
    for (let i = 0; i < 8; i += 1) {
      const socket = await handshake(ports.named, { session });
      expect(socket.isSessionReused()).toBe(false);
      socket.destroy();
    }
    await using fresh = await openSocket(url, { rejectUnauthorized: false, servername: 'b.test' });
    expect(await fresh.ask('new')).toBe('new');
  });

  it('refuses nobody while it exchanges certificates', async () => {
    const failures: string[] = [];
    let opened = 0;
    const knocking = Array.from({ length: 4 }, async () => {
      while (opened < 100) {
        const outcome = await handshake(ports.named).catch((error: Error) => error.message);
        if (typeof outcome === 'string') failures.push(outcome);
        else outcome.destroy();
        opened += 1;
      }
    });
    for (let turn = 0; turn < 5; turn += 1) {
      files.write('a', makeCertificate(`turn-${turn}.test`));
      await reload();
    }
    await Promise.all(knocking);
    // One that waits to be accepted when its socket closes is reset: one in hundreds, whereas a gap would refuse them.
    expect(failures.filter((message) => !message.includes('ECONNRESET') && !message.includes('disconnected'))).toEqual(
      [],
    );
    expect(failures.length).toBeLessThan(20);
    expect(await shownName(ports.named)).toBe('turn-4.test');
  });

  it('says when a certificate ends, as a metric and two weeks before as a warning', async () => {
    const expiresAt = new Date(Math.floor(Date.now() / 1000) * 1000 + 5 * 86_400_000 + 3_600_000);
    files.write('c', makeCertificate('*.c.test', { expiresAt }));
    const from = holdfast.log.lines.length;
    await reload();
    const labels = { listener: `127.0.0.1:${ports.named}`, name: '*.c.test' };
    expect((await holdfast.metrics()).sum('holdfast_certificate_expires_seconds', labels)).toBe(
      expiresAt.getTime() / 1000,
    );
    await holdfast.log.waitFor('config warning', { from });
    const warnings = holdfast.log.lines.slice(from).map(({ warning }) => String(warning));
    expect(warnings.some((text) => /\*\.c\.test.*certificate ends on .*, in 5 days: renew it/.test(text))).toBe(true);
  });

  it('keeps everything when the new files are wrong', async () => {
    const before = await shownName(ports.newest);
    const wrong = makeCertificate('wrong.test');
    files.write('a', { ...wrong, key: makeCertificate('other.test').key });
    const from = holdfast.log.lines.length;
    holdfast.signal('SIGHUP');
    await holdfast.log.waitFor('config not reloaded: the old one stays', { from });
    expect(await shownName(ports.newest)).toBe(before);
  });
});

async function reload(): Promise<void> {
  const from = holdfast.log.lines.length;
  const response = await holdfast.admin('/v1/reload', { method: 'POST' });
  expect(response.status).toBe(200);
  await holdfast.log.waitFor('config reloaded', { from });
}

async function sessionOf(port: number, options: ConnectionOptions): Promise<Buffer> {
  const socket = await handshake(port, options);
  const ticket = new Promise<Buffer>((resolve) => socket.once('session', resolve));
  socket.write('GET /page HTTP/1.1\r\nHost: a.test\r\n\r\n');
  socket.resume();
  const session = socket.getProtocol() === 'TLSv1.2' ? (socket.getSession() ?? (await ticket)) : await ticket;
  socket.destroy();
  return session;
}

/** The whole answer to a request, head and body. */
function answerOn(socket: TLSSocket): Promise<string> {
  socket.write('GET /page HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n');
  return text(socket);
}
