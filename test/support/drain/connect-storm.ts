/** A steady storm of new connections (connect-storm.mjs), and what became of them. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { within } from '../eventually.js';

export interface StormReport {
  readonly asked: number;
  readonly opened: number;
  /** By reason. */
  readonly failures: Readonly<Record<string, number>>;
  /** Not tried, because so many were under way already. */
  readonly skipped: number;
  readonly tookMs: number;
}

export class ConnectStorm implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(port: number, perSecond: number): Promise<ConnectStorm> {
    const child = fork(new URL('./connect-storm.mjs', import.meta.url), [`${port}`, `${perSecond}`], { execArgv: [] });
    await within(10_000, 'storm: to begin', once(child, 'message'));
    return new ConnectStorm(child);
  }

  async stop(): Promise<StormReport> {
    const report = once(this.#child, 'message');
    this.#child.send('stop');
    const [told] = (await within(30_000, 'storm: its report', report)) as [StormReport];
    return told;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }
}
