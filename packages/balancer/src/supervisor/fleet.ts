/**
 * The worker slots as a whole: starts them, speaks to all of them, and stops them within a time that no worker can
 * stretch. A process that was sent SIGKILL and still does not end (stuck in the kernel) is left behind after
 * a second: the supervisor must not hang on it.
 */
import type { ToWorker } from '@holdfast/worker';
import { hasProcess } from './worker-state.js';
import { WorkerProcess, type WorkerProcessDeps } from './worker-process.js';

const KILL_GRACE_MS = 1000;

export class Fleet {
  readonly workers: readonly WorkerProcess[];
  #waiters: (() => void)[] = [];

  constructor(size: number, deps: WorkerProcessDeps) {
    const owner: WorkerProcessDeps['owner'] = {
      onListening: (worker) => deps.owner.onListening(worker),
      onMessage: (worker, message) => deps.owner.onMessage(worker, message),
      onGone: (worker) => {
        deps.owner.onGone(worker);
        this.#wakeWaiters();
      },
    };
    this.workers = Array.from({ length: size }, (_, index) => new WorkerProcess(index + 1, { ...deps, owner }));
  }

  get listening(): readonly WorkerProcess[] {
    return this.workers.filter(({ state }) => state.name === 'listening');
  }

  find(workerId: number): WorkerProcess | undefined {
    return this.workers.find(({ id }) => id === workerId);
  }

  start(): void {
    for (const worker of this.workers) worker.start();
  }

  /** To all that live; one that has not said `hello` yet will be started with the newest state anyway. */
  broadcast(message: ToWorker): void {
    for (const worker of this.workers) worker.send(message);
  }

  /** Asks all to end within `deadlineMs`; ends those that have not by `deadlineMs + graceMs`. Answers how many those were. */
  async drain(deadlineMs: number, graceMs: number): Promise<number> {
    for (const worker of this.workers) worker.drain(deadlineMs);
    await this.#waitUntilEmpty(deadlineMs + graceMs);
    const late = this.workers.filter(({ state }) => hasProcess(state)).length;
    if (late > 0) await this.kill();
    return late;
  }

  /** Ends all at once, and for good. */
  async kill(): Promise<void> {
    for (const worker of this.workers) {
      worker.drain(0);
      worker.kill();
    }
    await this.#waitUntilEmpty(KILL_GRACE_MS);
  }

  #waitUntilEmpty(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#waiters.push(() => {
        clearTimeout(timer);
        resolve();
      });
      this.#wakeWaiters();
    });
  }

  #wakeWaiters(): void {
    if (this.workers.some(({ state }) => hasProcess(state))) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}
