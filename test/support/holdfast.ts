/**
 * The binary as a user runs it: a process with a config file, spoken to by its ports, its admin API, signals and its
 * log. Nothing here imports product code, so what these tests prove holds for what is shipped.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { within } from './eventually.js';
import { LogLines, type LogLine, type LogQuery, type LogWait } from './log-lines.js';
import { Metrics } from './metrics.js';
import { freePort } from './ports.js';
import { childrenOf } from './process-facts.js';

/** HOLDFAST_BINARY puts another build to the test, such as the one of a package. */
export const BINARY: string =
  process.env['HOLDFAST_BINARY'] ??
  fileURLToPath(new URL('../../packages/balancer/dist/bin/holdfast.js', import.meta.url));

/** What a test says about the config; listeners, admin, secret and one worker are filled in. */
export interface HoldfastConfig {
  readonly routes: readonly object[];
  readonly pools: Readonly<Record<string, object>>;
  readonly workers?: number;
  readonly [key: string]: unknown;
}

export interface HoldfastOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Merged over the defaults of the listener, for TLS. */
  readonly listen?: object;
  /** Those of one that was killed, for its successor. Default: free ones. */
  readonly ports?: { readonly port: number; readonly adminPort: number };
  /** Most open files of each of its processes. Default: as many as the test has. */
  readonly openFiles?: number;
}

/** Two are started at once, each with several processes, where other tests run too. */
const START_TIMEOUT_MS = 40_000;
const EXIT_TIMEOUT_MS = 15_000;
/** Every balancer of a test signs with the same one unless the test says otherwise. */
export const SECRET = 'a secret that only tests use';

export async function startHoldfast(config: HoldfastConfig, options: HoldfastOptions = {}): Promise<Holdfast> {
  const ports = options.ports ?? { port: await freePort(), adminPort: await freePort() };
  const holdfast = new Holdfast(ports.port, ports.adminPort, config, options);
  try {
    await holdfast.ready();
    return holdfast;
  } catch (error) {
    await holdfast[Symbol.asyncDispose]();
    throw error;
  }
}

export class Holdfast implements AsyncDisposable {
  readonly port: number;
  readonly adminPort: number;
  readonly log: LogLines = new LogLines();
  readonly #directory: string = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
  readonly #listen: object;
  readonly #process: ChildProcess;
  readonly #exit: Promise<number | string>;
  #stderr = '';

  constructor(port: number, adminPort: number, config: HoldfastConfig, options: HoldfastOptions) {
    this.port = port;
    this.adminPort = adminPort;
    this.#listen = options.listen ?? {};
    this.writeConfig(config);
    // A process group of its own, so that workers can be ended with it whatever state they are in.
    const [command, ...before] =
      options.openFiles === undefined
        ? []
        : ['sh', '-c', `ulimit -n ${options.openFiles}; exec "$0" "$@"`, process.execPath];
    const args = [...before, BINARY, 'run', '--config', this.configFile];
    this.#process = spawn(command ?? process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
      detached: true,
    });
    this.#process.stdout?.on('data', (chunk: Buffer) => this.log.push(chunk));
    this.#process.stderr?.on(
      'data',
      (chunk: Buffer) => (this.#stderr = (this.#stderr + chunk.toString()).slice(-20_000)),
    );
    this.#exit = once(this.#process, 'exit').then(([code, signal]) => (code ?? signal) as number | string);
    process.once('exit', this.#killGroup);
  }

  get pid(): number {
    return this.#process.pid!;
  }

  get configFile(): string {
    return join(this.#directory, 'holdfast.json');
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** `http://127.0.0.1:port` and the given path. */
  url(path = '/'): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  wsUrl(path = '/'): string {
    return `ws://127.0.0.1:${this.port}${path}`;
  }

  adminUrl(path = '/'): string {
    return `http://127.0.0.1:${this.adminPort}${path}`;
  }

  async ready(): Promise<void> {
    const failed = this.#exit.then((code) => {
      throw new Error(`holdfast: expected it to run, got exit ${code}\n${this.#stderr}${this.log.tail()}`);
    });
    await Promise.race([this.log.waitFor('ready', { withinMs: START_TIMEOUT_MS }), failed]);
    // From here on an exit is the test's business.
    failed.catch(() => undefined);
  }

  async admin(path: string, init: RequestInit = {}): Promise<{ status: number; body: unknown }> {
    const response = await fetch(this.adminUrl(path), init);
    const text = await response.text();
    return { status: response.status, body: asJson(text) };
  }

  async metrics(): Promise<Metrics> {
    const response = await fetch(this.adminUrl('/metrics'));
    if (!response.ok) throw new Error(`holdfast: expected metrics, got ${response.status} ${await response.text()}`);
    return new Metrics(await response.text());
  }

  workerPids(): readonly number[] {
    return childrenOf(this.pid);
  }

  waitForLog(query: LogQuery, wait?: LogWait): Promise<LogLine> {
    return this.log.waitFor(query, wait);
  }

  writeConfig(config: HoldfastConfig | string): void {
    const text = typeof config === 'string' ? config : JSON.stringify(this.#complete(config), undefined, 2);
    writeFileSync(this.configFile, text);
  }

  /** Writes the file and sends SIGHUP; the caller waits for what shows that it was taken. */
  reload(config: HoldfastConfig | string): void {
    this.writeConfig(config);
    this.signal('SIGHUP');
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Exit code, or the name of the signal that ended it. */
  async exited(withinMs: number = EXIT_TIMEOUT_MS): Promise<number | string> {
    return within(withinMs, 'holdfast: its exit', this.#exit);
  }

  async terminate(): Promise<number | string> {
    this.signal('SIGTERM');
    return this.exited();
  }

  async kill9(): Promise<void> {
    this.#killGroup();
    await this.exited();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill9();
    process.removeListener('exit', this.#killGroup);
    rmSync(this.#directory, { recursive: true, force: true });
    if (process.env['HOLDFAST_TEST_LOG'] !== undefined) console.log(`${this.#stderr}${this.log.tail(200)}`);
  }

  readonly #killGroup = (): void => {
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      // The whole group is gone already.
    }
  };

  #complete(config: HoldfastConfig): object {
    return {
      listen: [{ address: `127.0.0.1:${this.port}`, ...this.#listen }],
      admin: { address: `127.0.0.1:${this.adminPort}` },
      workers: 1,
      secret: SECRET,
      drain: { timeout: '3s' },
      ...config,
    };
  }
}

export interface RelayShape {
  readonly pool?: object;
  readonly route?: object;
  readonly workers?: number;
  readonly [key: string]: unknown;
}

/**
 * One route, one pool. Health checks and ejection are off unless the test asks for them: a check that reaches a
 * scripted peer would be one connection more than the test counts.
 */
export function relayTo(
  backends: readonly (string | object)[],
  { pool, route, ...rest }: RelayShape = {},
): HoldfastConfig {
  return {
    routes: [{ match: { path: '/' }, pool: 'app', ...route }],
    pools: { app: { backends, health: false, outlier: false, ...pool } },
    ...rest,
  };
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
