/**
 * A real redis-server for tests: on a free port of 127.0.0.1, in its own temporary directory, without persistence,
 * and ended by pid. Faults are made with signals: a stopped server accepts connections and answers nothing, which no
 * imitation does as faithfully.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface RedisServerOptions {
  /** 0 or absent: a free one. A given port is how a killed server comes back on the address that its clients know. */
  readonly port?: number;
  /** Further redis-server arguments, such as `['--requirepass', 'secret']`. */
  readonly args?: readonly string[];
}

export interface RedisServer extends AsyncDisposable {
  readonly url: string;
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

const START_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 3000;
/** Between finding a free port and binding it somebody else may take it. */
const PORT_ATTEMPTS = 3;

export async function startRedisServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const wantsAnyPort = (options.port ?? 0) === 0;
  for (let attempt = 1; ; attempt += 1) {
    const port = wantsAnyPort ? await freePort() : (options.port as number);
    try {
      return await startOn(port, options.args ?? []);
    } catch (error) {
      if (!wantsAnyPort || attempt === PORT_ATTEMPTS || isNotInstalled(error)) throw error;
    }
  }
}

async function startOn(port: number, args: readonly string[]): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-redis-'));
  const settings = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--dir',
    directory,
    '--save',
    '',
    '--appendonly',
    'no',
  ];
  const child = spawn('redis-server', [...settings, '--daemonize', 'no', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
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

function handleOf(child: ChildProcess, port: number, cleanUp: () => Promise<void>): RedisServer {
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    await endProcess(child, signal);
    await cleanUp();
  };
  const stop = (): Promise<void> => end('SIGTERM');
  return {
    url: `redis://127.0.0.1:${port}`,
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

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
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
