/**
 * Clients that mean harm, against a balancer whose honest clients must not notice: they are answered as quickly as before (held on
 * a quiet machine, printed on any), none is interrupted, no worker dies, memory stays bounded, and a metric that an operator can
 * watch moves. One balancer and one honest crowd for all attacks, so that what an attack leaves behind harms the next one.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type BackendSession, createBackend } from '@holdfast/backend';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEcho } from '../support/backends/websocket-echo.js';
import { makeCertificate } from '../support/certificate.js';
import { Cleanup } from '../support/cleanup.js';
import { eventually, never } from '../support/eventually.js';
import { type Holdfast, relayTo, SECRET, startHoldfast } from '../support/holdfast.js';
import { Attack } from '../support/hostile/attack.js';
import { HonestClients, type Service } from '../support/hostile/honest-clients.js';
import type { Metrics } from '../support/metrics.js';
import { freePort } from '../support/ports.js';
import { cpuMs, residentBytes } from '../support/process-facts.js';
import { connectRaw, type RawClient } from '../support/raw-client.js';
import { openSocket } from '../support/websocket-client.js';
import { hold } from './arena.js';

const SECONDS = 3;
/** For what a machine that is busy with other things takes longer to get to. */
const PATIENCE_SECONDS = 25;
/** Held on a quiet machine: the attacker, both ends of the honest clients and the workers share its cores. */
const STALL_MS = 250;
const TIMES_CALM = 5;
/** Held everywhere: nobody is forgotten. */
const STARVED_MS = 8000;
const MAX_GROWTH_BYTES = 96 * 1024 * 1024;

const cleanup = new Cleanup();
let holdfast: Holdfast;
let tlsPort: number;
let honest: HonestClients;
let calm: Service;
let pids: readonly number[];
/** Heads that never end, from the beginning of all tests to the end: their time is longer than one attack. */
let slowHeads: readonly RawClient[];

beforeAll(async () => {
  const backend = createBackend({ secret: SECRET });
  backend.on('session', (session: BackendSession) => session.on('message', (data) => void session.send(data)));
  const { port } = await backend.listen(0, '127.0.0.1');
  cleanup.defer(() => backend.close());
  const echo = cleanup.use(await startEcho());
  const ports = { port: await freePort(), adminPort: await freePort() };
  tlsPort = await freePort();
  const listen = [{ address: `127.0.0.1:${ports.port}` }, { address: `127.0.0.1:${tlsPort}`, tls: certificateFiles() }];
  const config = hostileConfig(echo.url, `http://127.0.0.1:${port}`);
  holdfast = cleanup.use(await startHoldfast({ ...config, listen }, { ports }));
  honest = cleanup.use(await HonestClients.open((path) => holdfast.wsUrl(path)));
  pids = holdfast.workerPids();
  slowHeads = await Promise.all(Array.from({ length: 20 }, () => slowHead(holdfast.port)));
  calm = await serviceDuring(SECONDS * 1000);
});

afterAll(async () => {
  await cleanup[Symbol.asyncDispose]();
});

function hostileConfig(relay: string, session: string): Parameters<typeof startHoldfast>[0] {
  const limits = { messageBytes: '64KiB', messagesPerSecond: 200, idle: '60s', buffer: '64KiB' };
  // Where attackers stay silent. On the honest ones' routes a busy machine would be taken for a silent client.
  const strict = { ...limits, idle: '2s' };
  return {
    workers: 2,
    logs: { access: false },
    routes: [
      { match: { path: '/session' }, pool: 'session', limits },
      { name: 'strict', match: { path: '/strict' }, pool: 'relay', limits: strict },
      { name: 'compressed', match: { path: '/compressed' }, pool: 'relay', compression: true, limits },
      { match: { path: '/' }, pool: 'relay', limits },
    ],
    pools: {
      relay: { backends: [relay], health: false, outlier: false },
      session: { kind: 'session', backends: [session] },
    },
  };
}

function certificateFiles(): { certificate: string; key: string } {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-hostile-'));
  cleanup.defer(() => Promise.resolve(rmSync(directory, { recursive: true })));
  const { certificate, key } = makeCertificate('localhost');
  const files = { certificate: join(directory, 'cert.pem'), key: join(directory, 'key.pem') };
  writeFileSync(files.certificate, certificate);
  writeFileSync(files.key, key);
  return files;
}

async function slowHead(port: number): Promise<RawClient> {
  const client = await connectRaw({ port });
  client.write('GET / HTTP/1.1\r\nHost: slow\r\n');
  const timer = setInterval(() => client.write('X-Slow: 1\r\n'), 1000);
  client.socket.on('close', () => clearInterval(timer));
  cleanup.use(client);
  return client;
}

async function serviceDuring(ms: number): Promise<Service> {
  honest.takeService();
  await delay(ms);
  return honest.takeService();
}

function bound(name: string): (metrics: Metrics) => number {
  return (metrics) => metrics.sum('holdfast_bound_hits_total', { bound: name }) ?? 0;
}

function memory(): number {
  return pids.reduce((sum, pid) => sum + residentBytes(pid), 0);
}

/** Attacks for three seconds at least, and for as long as it takes until so much is counted; gives how much was at most. */
async function attackUntil(attack: string, counted: (metrics: Metrics) => number, enough: number): Promise<number> {
  const beganAt = performance.now();
  await using _running = new Attack(attack, { port: holdfast.port, tlsPort, seconds: PATIENCE_SECONDS });
  let highest = 0;
  // Awaited here, because the attacker ends with this block.
  return await eventually(
    async () => {
      highest = Math.max(highest, counted(await holdfast.metrics()));
      expect(highest).toBeGreaterThanOrEqual(enough);
      expect(performance.now() - beganAt).toBeGreaterThan(SECONDS * 1000);
      return highest;
    },
    { withinMs: PATIENCE_SECONDS * 1000, everyMs: 300 },
  );
}

/** Everything that is held of every attack; the metric must move by `atLeast` while it runs. */
async function withstand(attack: string, counted: (metrics: Metrics) => number, atLeast: number): Promise<void> {
  const before = { counted: counted(await holdfast.metrics()), memory: memory() };
  honest.takeService();
  const highest = await attackUntil(attack, counted, before.counted + atLeast);
  const { p99, worst, answers } = honest.takeService();
  const grown = memory() - before.memory;
  const times = `p99 ${p99.toFixed(1)} ms (calm ${calm.p99.toFixed(1)}), worst ${worst.toFixed(0)} ms`;
  const rest = `memory ${(grown / 2 ** 20).toFixed(1)} MiB, counted ${highest - before.counted}`;
  console.log(`${attack}: ${times}, ${answers} answers, ${rest}`);
  hold(
    `p99 of honest clients during ${attack}`,
    Math.round(p99),
    Math.round(Math.max(STALL_MS, TIMES_CALM * calm.p99)),
  );
  expect(worst).toBeLessThan(STARVED_MS);
  expect(honest.interruptions).toEqual([]);
  expect(grown).toBeLessThan(MAX_GROWTH_BYTES);
  expect(holdfast.workerPids()).toEqual(pids);
}

const waiting = (metrics: Metrics): number => metrics.sum('holdfast_sockets_waiting') ?? 0;
const accepted = (metrics: Metrics): number => metrics.sum('holdfast_sockets_total') ?? 0;

describe('hostile clients do not disturb the others', () => {
  it('heads that never end', () => withstand('slowHeads', waiting, 100));
  it('TLS handshakes that never end', () => withstand('slowTls', waiting, 100));
  it('frames that never end', () => withstand('slowFrames', bound('idle'), 20));
  it('a flood of pings', () => withstand('pingFlood', bound('control_frames'), 20));
  it('a flood of tiny fragments', () => withstand('fragmentFlood', bound('message_bytes'), 10));
  it('fragments without a byte, for ever', () => withstand('emptyFragments', bound('idle'), 5));
  it('clients that ask for much and read nothing', () => withstand('zeroWindow', bound('client_buffer'), 3));
  it('decompression bombs', () => withstand('bomb', bound('message_bytes'), 5));
  it('frames that are too large, or say so', () => withstand('oversizedFrames', bound('message_bytes'), 30));
  it('heads that are too large', () => withstand('oversizedHeads', accepted, 30));
  it('random bytes, at every stage', () => withstand('randomBytes', accepted, 60));

  it('cuts a head that is not complete in time, however busy it is', async () => {
    await eventually(() => expect(slowHeads.filter(({ hasEnded }) => !hasEnded)).toEqual([]), { withinMs: 20_000 });
  });
});

describe('a worker that runs out of descriptors', () => {
  it('cuts who comes then, stays calm, serves who is there, and takes others when there is room', async () => {
    await using echo = await startEcho();
    await using small = await startHoldfast(relayTo([echo.url], { workers: 1 }), { openFiles: 256 });
    const [pid] = small.workerPids();
    await using there = await openSocket(small.wsUrl());
    await using crowd = new Attack('crowd', { port: small.port, seconds: PATIENCE_SECONDS });
    await eventually(async () => expect(bound('descriptors')(await small.metrics())).toBeGreaterThan(100), {
      withinMs: 15_000,
    });
    await small.waitForLog('out of descriptors: new clients are cut, raise the open-file limit');
    const before = { cpu: cpuMs(pid!), at: performance.now() };
    await never(1000, async () => expect(await there.ask('hi')).toBe('hi'));
    expect((cpuMs(pid!) - before.cpu) / (performance.now() - before.at)).toBeLessThan(0.7);
    await crowd[Symbol.asyncDispose]();
    await using again = await eventually(() => openSocket(small.wsUrl()), { withinMs: 10_000 });
    expect(await again.ask('hi')).toBe('hi');
    expect(small.workerPids()).toEqual([pid]);
  });
});
