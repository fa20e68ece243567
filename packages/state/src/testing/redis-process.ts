/**
 * One redis-server process for tests, whatever it serves as: on a port of 127.0.0.1, in its own temporary directory, and
 * ended by pid. Faults are made with signals: a stopped server accepts connections and answers nothing, which no
 * imitation does as faithfully.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface RedisProcess extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  /** Ends it in an orderly way and removes its directory; later calls do nothing. */
  stop(): Promise<void>;
  /** SIGKILL; resolves when the process is gone. */
  kill9(): Promise<void>;
  /** SIGSTOP: connections stay open and new ones are accepted by the kernel, but nothing is answered. */
  pause(): void;
  resume(): void;
}

export interface RedisProcessOptions {
  /** 0 or absent: a free one. */
  readonly port?: number | undefined;
  /** What comes behind `redis-server`; it may write files into the directory first. */
  readonly argv: (at: { port: number; directory: string }) => readonly string[] | Promise<readonly string[]>;
}

const START_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 3000;
/** Between finding a free port and binding it somebody else may take it. */
const PORT_ATTEMPTS = 3;

export async function startRedisProcess({ port: wanted = 0, argv }: RedisProcessOptions): Promise<RedisProcess> {
  for (let attempt = 1; ; attempt += 1) {
    const port = wanted === 0 ? await freePort() : wanted;
    try {
      return await startOn(port, argv);
    } catch (error) {
      if (wanted !== 0 || attempt === PORT_ATTEMPTS || isNotInstalled(error)) throw error;
    }
  }
}

/** What every server of a test has: no files but in its directory, and nothing to wait for. */
export function serverArguments({ port, directory }: { port: number; directory: string }): readonly string[] {
  return argumentsOf({
    port,
    bind: '127.0.0.1',
    dir: directory,
    save: '',
    appendonly: 'no',
    daemonize: 'no',
    // Replicas of a test are there at once, not when more of them may have come.
    'repl-diskless-sync-delay': 0,
  });
}

export function argumentsOf(settings: Readonly<Record<string, string | number>>): readonly string[] {
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
}

/**
 * Below the range that the system takes ports for outgoing connections from: there, one could be gone before the server
 * has bound it, or while a killed server is away whose port a test wants again.
 */
const [LOWEST_PORT, HIGHEST_PORT] = [10_000, 32_000];
const MAX_TRIED_PORTS = 100;

export async function freePort(): Promise<number> {
  for (let tried = 1; ; tried += 1) {
    const port = LOWEST_PORT + Math.floor(Math.random() * (HIGHEST_PORT - LOWEST_PORT));
    if (await isFree(port)) return port;
    if (tried === MAX_TRIED_PORTS) throw new Error(`expected a free port, got ${tried} that are taken`);
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}

async function startOn(port: number, argv: RedisProcessOptions['argv']): Promise<RedisProcess> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-redis-'));
  const args = await argv({ port, directory });
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = collectOutput(child);
  // A test run that is ended half-way must not leave servers behind.
  const killAtExit = (): boolean => child.kill('SIGKILL');
  process.once('exit', killAtExit);
  const cleanUp = async (): Promise<void> => {
    process.removeListener('exit', killAtExit);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await untilReady(child, port, output);
  } catch (error) {
    child.kill('SIGKILL');
    await cleanUp();
    throw error;
  }
  return handleOf(child, port, cleanUp);
}

function handleOf(child: ChildProcess, port: number, cleanUp: () => Promise<void>): RedisProcess {
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    await endProcess(child, signal);
    await cleanUp();
  };
  const stop = (): Promise<void> => end('SIGTERM');
  return {
    port,
    pid: child.pid as number,
    stop,
    kill9: () => end('SIGKILL'),
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    [Symbol.asyncDispose]: stop,
  };
}

async function endProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (hasExited(child)) return;
  const exited = once(child, 'exit');
  child.kill('SIGCONT');
  child.kill(signal);
  const force = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(force);
}

async function untilReady(child: ChildProcess, port: number, output: () => string): Promise<void> {
  await once(child, 'spawn').catch((error: unknown) => {
    throw notStarted(error as NodeJS.ErrnoException, '');
  });
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < deadline) {
    if (hasExited(child)) throw notStarted(undefined, output());
    if (await answersPing(port)) return;
    await delay(20);
  }
  throw new Error(
    `redis-server: expected an answer on port ${port} within ${START_TIMEOUT_MS} ms, got none: ${output()}`,
  );
}

/** Any answer will do: with a password set it is an error, and the server is up. */
function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const finish = (isUp: boolean): void => {
      socket.destroy();
      resolve(isUp);
    };
    socket.setTimeout(500, () => finish(false));
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (data) => finish(/^[+-]/.test(data.toString('latin1'))));
    socket.once('error', () => finish(false));
    socket.once('close', () => finish(false));
  });
}

/** Kept small: only the end of it says why a server did not start. */
function collectOutput(child: ChildProcess): () => string {
  let text = '';
  const keep = (chunk: Buffer): void => {
    text = (text + chunk.toString()).slice(-2000);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  return () => text;
}

function hasExited(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

function isNotInstalled(error: unknown): boolean {
  return error instanceof Error && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
}

function notStarted(cause: NodeJS.ErrnoException | undefined, output: string): Error {
  if (cause?.code === 'ENOENT') {
    const advice = 'install it: apt-get install -y redis-server (Debian, Ubuntu) or brew install redis (macOS)';
    return new Error(`redis-server: expected it to be installed, got nothing of that name; ${advice}`, { cause });
  }
  return new Error(`redis-server: expected it to start, got: ${cause?.message ?? output}`, { cause });
}
