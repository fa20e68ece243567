/** A helper process that takes orders over IPC, one answer each: the test's end of it. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

type Answer = Readonly<Record<string, unknown>> & { readonly id: number; readonly error?: string };

export class OrderedProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (answer: Answer) => void; reject: (error: Error) => void }>();
  #nextId = 1;

  constructor(script: URL, args: readonly string[] = [], execPath: string = process.execPath) {
    this.#child = fork(script, args, {
      execPath,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      // The built packages, not their sources, for which the test runner has conditions of its own.
      execArgv: [],
    });
    this.#child.on('message', (answer: Answer) => this.#onAnswer(answer));
    this.#child.once('exit', (code, signal) => this.#onExit(code ?? signal));
  }

  get pid(): number {
    return this.#child.pid!;
  }

  ask<T>(order: string, args: object = {}): Promise<T> {
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: (answer) => resolve(answer as T), reject });
      this.#child.send({ id, order, ...args });
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end('SIGKILL');
  }

  /** Resolves when it has gone. */
  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill(signal);
    await exited;
  }

  #onAnswer(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (answer.error === undefined) waiting?.resolve(answer);
    else waiting?.reject(new Error(answer.error));
  }

  #onExit(code: unknown): void {
    for (const { reject } of this.#waiting.values())
      reject(new Error(`helper process: expected an answer, got exit ${String(code)}`));
    this.#waiting.clear();
  }
}
