/**
 * What is compared, as processes: Holdfast, HAProxy, the backend behind both. Each is started with the same number
 * of workers or threads, tells its pids, and is ended by pid.
 */
import { fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { descendantsOf } from './kernel.mjs';

/** Shared with session-backend.mjs. */
const BENCH_SECRET = 'only for the benchmark';
const START_TIMEOUT_MS = 20_000;
const BINARY = fileURLToPath(new URL('../../packages/balancer/dist/bin/holdfast.js', import.meta.url));

/** One of the *-backend.mjs beside this file. */
export async function startBackend(script) {
  const child = fork(new URL(script, import.meta.url), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const [{ port }] = await once(child, 'message');
  return { port, pids: () => [child.pid], stop: () => end(child) };
}

/** `kind`: relay or session. */
export async function startHoldfast({ backendPort, workers, kind = 'relay', state = 'embedded' }) {
  const port = await freePort();
  const config = {
    listen: [{ address: `127.0.0.1:${port}` }],
    workers,
    state,
    secret: BENCH_SECRET,
    drain: { timeout: '1s' },
    logs: { level: 'warn', access: false },
    // How fast clients are let in is not what is measured.
    admission: { perSecond: 1_000_000 },
    routes: [{ match: { path: '/' }, pool: 'bench' }],
    pools: { bench: { kind, backends: [`http://127.0.0.1:${backendPort}`], health: false } },
  };
  return startProxy({
    name: 'Holdfast',
    port,
    command: process.execPath,
    config: JSON.stringify(config),
    file: 'holdfast.json',
    args: (path) => [BINARY, 'run', '--config', path],
  });
}

export async function startHaproxy({ backendPort, workers, maxConnections }) {
  const port = await freePort();
  const config = `
global
  nbthread ${workers}
  maxconn ${maxConnections}
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout tunnel 1h
frontend bench
  bind 127.0.0.1:${port}
  default_backend bench
backend bench
  server b1 127.0.0.1:${backendPort}
`;
  return startProxy({
    name: 'HAProxy',
    port,
    command: haproxy(),
    config,
    file: 'haproxy.cfg',
    args: (path) => ['-f', path],
  });
}

/** Version for the report; undefined when it is not installed. */
export function haproxyVersion() {
  const asked = spawnSync(haproxy(), ['-v'], { encoding: 'utf8' });
  return asked.status === 0 ? asked.stdout.split('\n')[0] : undefined;
}

/** Debian puts it in sbin, which is not in everybody's PATH. */
function haproxy() {
  return spawnSync('haproxy', ['-v']).error === undefined ? 'haproxy' : '/usr/sbin/haproxy';
}

async function startProxy({ name, port, command, config, file, args }) {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
  const path = join(directory, file);
  writeFileSync(path, config);
  const child = spawn(command, args(path), { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => (output = (output + chunk).slice(-4000)));
  const stop = async () => {
    await end(child);
    rmSync(directory, { recursive: true, force: true });
  };
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!(await accepts(port))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      await stop();
      throw new Error(`bench: expected ${name} to listen on ${port}, got:\n${output}`);
    }
    await delay(50);
  }
  return {
    name,
    port,
    pids: () => [child.pid, ...descendantsOf(child.pid)],
    /** Of Holdfast: without the supervisor. */
    workerPids: () => descendantsOf(child.pid),
    output: () => output,
    stop,
  };
}

async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const force = setTimeout(() => {
    for (const pid of [...descendantsOf(child.pid), child.pid]) process.kill(pid, 'SIGKILL');
  }, 8000);
  await exited;
  clearTimeout(force);
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** Below the range of outgoing connections, which could take it between here and its use. */
export async function freePort() {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 20_000);
    const server = createServer();
    const isFree = await new Promise((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}
