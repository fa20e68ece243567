/**
 * The workers as a whole: starts them, speaks to all of them, replaces one, and stops them within a time that no worker
 * can stretch. A process that was sent SIGKILL and still does not end (stuck in the kernel) is left behind after a second: the
 * supervisor must not hang on it. While a worker is replaced its slot has two processes, each with an id of its own, so that
 * what is known of the old one (counts, slots of addresses, metrics) is neither lost nor taken for the new one's.
 */
import type { DrainOrders, ToWorker } from '@holdfast/worker';
import { hasProcess } from './worker-state.js';
import { WorkerProcess, type WorkerProcessDeps } from './worker-process.js';

export interface ReplaceTimes {
  readonly orders: DrainOrders;
  /** The new one listens by then, or is given up. */
  readonly startWithinMs: number;
  /** How long the old one may be late with its drain before it is ended. */
  readonly graceMs: number;
}

export type ReplaceResult =
  { readonly ok: true; readonly id: number } | { readonly ok: false; readonly reason: string };

/** member: serves, or should. successor: starts in place of a member. retired: lets its clients go, and has a successor. */
export type FleetPart = 'member' | 'successor' | 'retired';

const KILL_GRACE_MS = 1000;
const AT_ONCE: DrainOrders = { deadlineMs: 0, windowMs: 0, closesPerSecond: 0, hasSuccessors: false };

export class Fleet {
  readonly #deps: WorkerProcessDeps;
  readonly #members: WorkerProcess[];
  readonly #successors = new Set<WorkerProcess>();
  readonly #retired = new Set<WorkerProcess>();
  readonly #watchers = new Set<() => void>();

  constructor(size: number, deps: WorkerProcessDeps) {
    const owner: WorkerProcessDeps['owner'] = {
      onListening: (worker) => {
        deps.owner.onListening(worker);
        this.#onChange();
      },
      onMessage: (worker, message) => deps.owner.onMessage(worker, message),
      onGone: (worker) => {
        deps.owner.onGone(worker);
        this.#onChange();
      },
    };
    this.#deps = { ...deps, owner };
    this.#members = Array.from({ length: size }, (_, index) => new WorkerProcess(index + 1, this.#deps));
  }

  /** All: of a slot that is being replaced both. */
  get workers(): readonly WorkerProcess[] {
    return [...this.#members, ...this.#successors, ...this.#retired];
  }

  get members(): readonly WorkerProcess[] {
    return this.#members;
  }

  get listening(): readonly WorkerProcess[] {
    return this.workers.filter(({ state }) => state.name === 'listening');
  }

  partOf(worker: WorkerProcess): FleetPart {
    if (this.#retired.has(worker)) return 'retired';
    return this.#successors.has(worker) ? 'successor' : 'member';
  }

  find(workerId: number): WorkerProcess | undefined {
    return this.workers.find(({ id }) => id === workerId);
  }

  start(): void {
    for (const worker of this.#members) worker.start();
  }

  /** To all that live; one that has not said `hello` yet will be started with the newest state anyway. */
  broadcast(message: ToWorker): void {
    for (const worker of this.workers) worker.send(message);
  }

  /** The new process listens before the old one stops. One that does not come up leaves the old one where it is. */
  async replace(worker: WorkerProcess, times: ReplaceTimes): Promise<ReplaceResult> {
    const successor = new WorkerProcess(this.#freeId(), this.#deps);
    this.#successors.add(successor);
    successor.start();
    await this.#until(() => successor.state.name !== 'starting', times.startWithinMs);
    const slot = this.#members.indexOf(worker);
    const isUp = successor.state.name === 'listening' && slot >= 0;
    if (!isUp) {
      const { lastExit } = successor;
      await this.#end(successor);
      this.#successors.delete(successor);
      return { ok: false, reason: lastExit ?? `expected it to listen within ${times.startWithinMs} ms, it did not` };
    }
    this.#successors.delete(successor);
    this.#members[slot] = successor;
    this.#retired.add(worker);
    worker.drain(times.orders);
    await this.#until(() => !hasProcess(worker.state), times.orders.deadlineMs + times.graceMs);
    await this.#end(worker);
    this.#retired.delete(worker);
    return { ok: true, id: successor.id };
  }

  /** Asks all to end; ends those that have not within `graceMs` after their deadline. Answers how many those were. */
  async drain(orders: DrainOrders, graceMs: number): Promise<number> {
    for (const worker of this.workers) worker.drain(orders);
    await this.#until(() => this.#isEmpty(), orders.deadlineMs + graceMs);
    const late = this.workers.filter(({ state }) => hasProcess(state)).length;
    if (late > 0) await this.kill();
    return late;
  }

  /** Ends all at once, and for good. */
  async kill(): Promise<void> {
    for (const worker of this.workers) {
      worker.drain(AT_ONCE);
      worker.kill();
    }
    await this.#until(() => this.#isEmpty(), KILL_GRACE_MS);
  }

  /** One, at once and for good; nothing happens to one that has ended. */
  async #end(worker: WorkerProcess): Promise<void> {
    worker.drain(AT_ONCE);
    worker.kill();
    await this.#until(() => !hasProcess(worker.state), KILL_GRACE_MS);
  }

  #isEmpty(): boolean {
    return !this.workers.some(({ state }) => hasProcess(state));
  }

  /** The lowest that nobody has: ids, which are labels of metrics, stay few however often workers are replaced. */
  #freeId(): number {
    const taken = new Set(this.workers.map(({ id }) => id));
    let id = 1;
    while (taken.has(id)) id += 1;
    return id;
  }

  #until(isDone: () => boolean, withinMs: number): Promise<void> {
    if (isDone()) return Promise.resolve();
    return new Promise((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        resolve();
      };
      const look = (): void => {
        if (isDone()) finish();
      };
      const timer = setTimeout(finish, withinMs);
      this.#watchers.add(look);
    });
  }

  #onChange(): void {
    for (const look of this.#watchers) look();
  }
}
