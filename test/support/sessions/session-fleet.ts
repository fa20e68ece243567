/** Session backends as processes on fixed ports, which can be stopped, killed, paused and started again. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { within } from '../eventually.js';
import { SECRET } from '../holdfast.js';
import { freePort } from '../ports.js';

export interface SessionBackendOptions {
  readonly pushEveryMs?: number;
  readonly commitEvery?: number;
}

export class SessionBackend implements AsyncDisposable {
  readonly name: string;
  readonly port: number;
  readonly #log: string;
  readonly #options: SessionBackendOptions;
  #child: ChildProcess | undefined;

  constructor(name: string, port: number, directory: string, options: SessionBackendOptions) {
    this.name = name;
    this.port = port;
    this.#log = join(directory, `${name}.log`);
    this.#options = options;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#child!.pid!;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async start(): Promise<void> {
    const { pushEveryMs = 0, commitEvery = 0 } = this.#options;
    const args = ['--port', `${this.port}`, '--secret', SECRET, '--log', this.#log, '--name', this.name];
    args.push('--push-every-ms', `${pushEveryMs}`, '--commit-every', `${commitEvery}`);
    const child = fork(new URL('./session-backend.mjs', import.meta.url), args, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      // The built packages, not their sources, for which the test runner has conditions of its own.
      execArgv: [],
    });
    this.#child = child;
    const died = once(child, 'exit').then(([code]) => {
      throw new Error(`session backend: expected it to listen on ${this.port}, got exit ${String(code)}`);
    });
    await within(10_000, 'session backend: to listen', Promise.race([once(child, 'message'), died]));
    died.catch(() => undefined);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async stop(signal: NodeJS.Signals, withinMs = 20_000): Promise<void> {
    if (!this.isRunning) return;
    const exited = once(this.#child!, 'exit');
    this.signal(signal);
    await within(withinMs, `session backend: its exit after ${signal}`, exited);
  }

  /** Everything that any life of it wrote down. */
  readLog(): readonly string[] {
    return readFileSync(this.#log, 'utf8').split('\n').slice(0, -1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A paused process takes SIGKILL too.
    await this.stop('SIGKILL');
  }
}

export class SessionFleet implements AsyncDisposable {
  readonly backends: readonly SessionBackend[];
  readonly #directory: string;

  private constructor(backends: readonly SessionBackend[], directory: string) {
    this.backends = backends;
    this.#directory = directory;
  }

  static async start(count: number, options: SessionBackendOptions = {}): Promise<SessionFleet> {
    const directory = mkdtempSync(join(tmpdir(), 'holdfast-sessions-'));
    const backends: SessionBackend[] = [];
    for (let i = 1; i <= count; i += 1) {
      backends.push(new SessionBackend(`b${i}`, await freePort(), directory, options));
    }
    const fleet = new SessionFleet(backends, directory);
    try {
      await Promise.all(backends.map((backend) => backend.start()));
      return fleet;
    } catch (error) {
      await fleet[Symbol.asyncDispose]();
      throw error;
    }
  }

  get urls(): readonly string[] {
    return this.backends.map(({ url }) => url);
  }

  readLog(): readonly string[] {
    return this.backends.flatMap((backend) => backend.readLog());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.backends.map((backend) => backend[Symbol.asyncDispose]()));
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
