/** TLS towards backends that want to know who calls: trunks, relayed WebSockets and requests, health checks. */
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { createBackend } from '@holdfast/backend';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { type Listening, listen } from '../support/backends/listening.js';
import { makeAuthority, makeCertificate } from '../support/certificate.js';
import { CertificateFiles } from '../support/certificate-files.js';
import { eventually } from '../support/eventually.js';
import { type Holdfast, type HoldfastConfig, SECRET, startHoldfast } from '../support/holdfast.js';
import { fetchFrom } from '../support/http-client.js';
import type { LogLine } from '../support/log-lines.js';
import { openRefused, openSocket } from '../support/websocket-client.js';

const authority = makeAuthority('test authority');
const stranger = makeAuthority('some other authority');
const server = makeCertificate('backend.test', { issuer: authority });

/** Without a certificate that the authority has signed nobody gets past the handshake. */
function secureServer(): Server {
  return createServer({
    cert: server.certificate,
    key: server.key,
    ca: authority.certificate,
    requestCert: true,
    rejectUnauthorized: true,
  });
}

interface SecureBackend extends Listening {
  /** `https://127.0.0.1:port`. */
  readonly origin: string;
  /** TLS handshakes that it has refused, as it says why. */
  readonly refusals: string[];
}

async function listenSecurely(https: Server): Promise<SecureBackend> {
  const refusals: string[] = [];
  https.on('tlsClientError', (error: Error, socket: Socket) => {
    refusals.push('code' in error ? String(error.code) : error.message);
    socket.destroy();
  });
  const listening = await listen(https);
  return Object.assign(listening, { origin: `https://127.0.0.1:${listening.port}`, refusals });
}

interface SessionsBackend extends SecureBackend {
  /** Opened so far. */
  readonly trunks: () => number;
}

/** Says a session's messages back, by the SDK. */
async function startSessions(): Promise<SessionsBackend> {
  const https = secureServer();
  const backend = createBackend({ secret: SECRET, signals: false });
  let trunks = 0;
  backend.on('error', () => undefined);
  backend.on('trunk', ({ state }) => (trunks += state === 'ready' ? 1 : 0));
  backend.on('session', (session) => {
    session.on('message', (data) => void session.send(data));
  });
  backend.attach(https);
  const listening = await listenSecurely(https);
  return Object.assign(listening, {
    trunks: () => trunks,
    async [Symbol.asyncDispose]() {
      await backend.close();
      await listening.die();
    },
  });
}

/** Says messages back, and the name of the caller to requests. */
async function startRelayed(): Promise<SecureBackend> {
  const https = secureServer();
  const sockets = new WebSocketServer({ server: https });
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(String(data))));
  https.on('request', (request, response) => {
    const { subject } = (request.socket as TLSSocket).getPeerCertificate();
    response.end(String(subject.CN));
  });
  return listenSecurely(https);
}

const files = new CertificateFiles();
const ca = files.write('ca', authority).certificate;
const otherCa = files.write('other-ca', stranger).certificate;
const known = files.write('worker', makeCertificate('worker one', { issuer: authority }));
const unknown = files.write('stranger', makeCertificate('worker one', { issuer: stranger }));
/** Not signed by whom the backends trust, until it is renewed. */
const late = files.write('late', makeCertificate('worker one', { issuer: stranger }));
const caller = files.write('caller', makeCertificate('before', { issuer: authority }));

interface Case {
  readonly backend: SecureBackend;
  readonly tls: object;
  readonly more?: object;
}

/** A route and a pool for each, by its name. */
function configOf(cases: Readonly<Record<string, Case>>): HoldfastConfig {
  const pools = Object.entries(cases).map(([name, { backend, tls, more }]) => {
    return [name, { backends: [backend.origin], health: false, tls: { serverName: 'backend.test', ...tls }, ...more }];
  });
  return {
    routes: Object.keys(cases).map((name) => ({ match: { path: `/${name}` }, pool: name })),
    pools: Object.fromEntries(pools),
  };
}

const session = { kind: 'session' };
const opened: AsyncDisposable[] = [];
let holdfast: Holdfast;
let backends: Record<'trusted' | 'bare' | 'strange' | 'misled' | 'renewed', SessionsBackend>;
let relayed: SecureBackend;

async function own<T extends AsyncDisposable>(making: Promise<T>): Promise<T> {
  const made = await making;
  opened.unshift(made);
  return made;
}

beforeAll(async () => {
  backends = {
    trusted: await own(startSessions()),
    bare: await own(startSessions()),
    strange: await own(startSessions()),
    misled: await own(startSessions()),
    renewed: await own(startSessions()),
  };
  relayed = await own(startRelayed());
  const health = (type: string): object => ({ health: { type, interval: '200ms', timeout: '5s', fall: 1 } });
  const cases: Record<string, Case> = {
    trusted: { backend: backends.trusted, tls: { ca, ...known }, more: session },
    bare: { backend: backends.bare, tls: { ca }, more: session },
    strange: { backend: backends.strange, tls: { ca, ...unknown }, more: session },
    'other-name': { backend: backends.misled, tls: { ca, ...known, serverName: 'other.test' }, more: session },
    'other-ca': { backend: backends.misled, tls: { ca: otherCa, ...known }, more: session },
    renewed: { backend: backends.renewed, tls: { ca, ...late }, more: session },
    relay: { backend: relayed, tls: { ca, ...known }, more: health('websocket') },
    caller: { backend: relayed, tls: { ca, ...caller } },
    careless: { backend: relayed, tls: { ...known, verify: false, serverName: 'any.test' } },
  };
  for (const type of ['tcp', 'http', 'websocket']) {
    cases[`good-${type}`] = { backend: relayed, tls: { ca, ...known }, more: health(type) };
    cases[`bad-${type}`] = { backend: relayed, tls: { ca: otherCa, ...known }, more: health(type) };
  }
  holdfast = await own(startHoldfast(configOf(cases)));
});

afterAll(async () => {
  for (const it of opened) await it[Symbol.asyncDispose]();
  files[Symbol.dispose]();
});

async function untilNoTrunk(pool: string): Promise<string> {
  const line = await holdfast.log.waitFor((it) => it.msg === 'trunk not opened' && it['pool'] === pool);
  return String(line['detail']);
}

async function reload(): Promise<void> {
  const from = holdfast.log.lines.length;
  holdfast.signal('SIGHUP');
  await holdfast.log.waitFor('config reloaded', { from });
}

describe('trunks over mTLS', () => {
  it('carry sessions when the worker shows its certificate and knows the secret', async () => {
    await using client = await openSocket(holdfast.wsUrl('/trusted'));
    expect(await client.ask('over two proofs')).toBe('over two proofs');
    expect(backends.trusted.refusals).toEqual([]);
  });

  it('do not come about without a certificate', async () => {
    await untilNoTrunk('bare');
    const { refusals } = backends.bare;
    await eventually(() => expect(refusals).toContain('ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE'));
    expect((await openRefused(holdfast.wsUrl('/bare'))).status).toBe(503);
    expect(backends.bare.trunks()).toBe(0);
  });

  it('do not come about with a certificate of an authority that the backend does not know', async () => {
    await untilNoTrunk('strange');
    await eventually(() => expect(backends.strange.refusals.length).toBeGreaterThan(0));
    expect(backends.strange.trunks()).toBe(0);
  });

  it('do not come about with a backend whose certificate is for another name, or of another authority', async () => {
    expect(await untilNoTrunk('other-name')).toContain('other.test');
    expect(await untilNoTrunk('other-ca')).toMatch(/certificate/);
    expect(backends.misled.trunks()).toBe(0);
  });

  it('do not come about with the certificate alone, without the secret', async () => {
    await using backend = await startSessions();
    const config = configOf({ trusted: { backend, tls: { ca, ...known }, more: session } });
    await using other = await startHoldfast({ ...config, secret: 'another secret than that of the backend' });
    await other.log.waitFor('trunk not opened');
    expect(backend.refusals).toEqual([]);
    expect(backend.trunks()).toBe(0);
  });

  it('are dialled with a renewed certificate after a reload; open ones stay', async () => {
    await using before = await openSocket(holdfast.wsUrl('/trusted'));
    await untilNoTrunk('renewed');
    files.write('late', makeCertificate('worker one', { issuer: authority }));
    files.write('worker', makeCertificate('worker two', { issuer: authority }));
    await reload();
    const isReady = (line: LogLine): boolean => line.msg === 'trunk ready' && line['pool'] === 'renewed';
    await holdfast.log.waitFor(isReady, { withinMs: 30_000 });
    await using client = await openSocket(holdfast.wsUrl('/renewed'));
    expect(await client.ask('renewed')).toBe('renewed');
    expect(await before.ask('still here')).toBe('still here');
    expect(backends.trusted.trunks()).toBe(1);
  });
});

describe('a relay over mTLS', () => {
  it('carries WebSockets and requests', async () => {
    await using client = await openSocket(holdfast.wsUrl('/relay'));
    expect(await client.ask('relayed')).toBe('relayed');
    expect((await fetchFrom(holdfast.url('/relay'))).body).toMatch(/^worker/);
  });

  it.each(['tcp', 'http', 'websocket'])('is checked as it dials: %s', async (type) => {
    const passed = async (pool: string): Promise<number> =>
      (await holdfast.metrics()).sum('holdfast_health_checks_total', { pool, result: 'ok' }) ?? 0;
    await eventually(async () => expect(await passed(`good-${type}`)).toBeGreaterThan(0), { withinMs: 10_000 });
    await holdfast.log.waitFor((line) => line['pool'] === `bad-${type}` && line['to'] === 'down');
    expect(await passed(`bad-${type}`)).toBe(0);
  });

  it('shows a renewed certificate after a reload', async () => {
    expect((await fetchFrom(holdfast.url('/caller'))).body).toBe('before');
    files.write('caller', makeCertificate('after', { issuer: authority }));
    await reload();
    await eventually(async () => expect((await fetchFrom(holdfast.url('/caller'))).body).toBe('after'));
  });

  it('takes any certificate with verify: false, which is warned of', async () => {
    expect((await fetchFrom(holdfast.url('/careless'))).status).toBe(200);
    expect(holdfast.log.lines.some(({ warning }) => String(warning).includes('careless.tls.verify'))).toBe(true);
  });

  it('says when the certificates that it shows end', async () => {
    const ends = (await holdfast.metrics()).sum('holdfast_certificate_expires_seconds', { pool: 'relay' });
    expect(ends).toBe(Date.parse('2049-12-31T23:59:59Z') / 1000);
  });
});
