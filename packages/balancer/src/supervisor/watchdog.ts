/**
 * Notices workers whose event loop is blocked: each is pinged every second. After 5 unanswered pings an error is logged
 * once and the worker counts as blocked; after 20 its process is killed and its slot filled again. Silence is counted in
 * pings and not by the clock, so that a supervisor that was itself suspended does not kill a healthy fleet when it wakes.
 * A worker that is still starting is not pinged, only expected to listen within the same 20 s.
 */
import type { Logger } from 'pino';
import type { WorkerState } from './worker-state.js';

export interface Watched {
  readonly id: number;
  readonly pid: number | undefined;
  readonly state: WorkerState;
  ping(id: number): void;
  kill(): void;
}

export interface WatchdogOptions {
  readonly workers: () => Iterable<Watched>;
  readonly log: Logger;
  /** Once per block. */
  readonly onBlocked: (workerId: number) => void;
  /** @default 1000 */
  readonly intervalMs?: number;
}

/** Belongs to one process in one phase: another process, or another phase, starts anew. */
interface Watch {
  readonly pid: number | undefined;
  readonly isStarting: boolean;
  /** Pings in a row without a pong, the last one sent included: it had no time to be answered yet. */
  silentFor: number;
}

const INTERVAL_MS = 1000;
const BLOCKED_AFTER = 5;
const KILLED_AFTER = 20;

export class Watchdog {
  readonly #options: WatchdogOptions;
  readonly #watches = new Map<number, Watch>();
  #timer: NodeJS.Timeout | undefined;
  #pingId = 0;

  constructor(options: WatchdogOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.tick(), this.#options.intervalMs ?? INTERVAL_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  isBlocked(workerId: number): boolean {
    const watch = this.#watches.get(workerId);
    return watch !== undefined && !watch.isStarting && watch.silentFor > BLOCKED_AFTER;
  }

  onPong(workerId: number): void {
    const watch = this.#watches.get(workerId);
    if (watch === undefined || watch.isStarting) return;
    if (this.isBlocked(workerId)) this.#options.log.info({ workerId, workerPid: watch.pid }, 'worker answers again');
    watch.silentFor = 0;
  }

  forget(workerId: number): void {
    this.#watches.delete(workerId);
  }

  tick(): void {
    this.#pingId += 1;
    for (const worker of this.#options.workers()) this.#look(worker);
  }

  #look(worker: Watched): void {
    const { name } = worker.state;
    if (name === 'backoff' || name === 'stopped') return;
    const isStarting = name === 'starting';
    const watch = this.#watchOf(worker, isStarting);
    if (watch.silentFor === BLOCKED_AFTER && !isStarting) this.#reportBlocked(worker);
    if (watch.silentFor === KILLED_AFTER) this.#reportKilled(worker, isStarting);
    if (watch.silentFor >= KILLED_AFTER) worker.kill();
    else if (!isStarting) worker.ping(this.#pingId);
    watch.silentFor += 1;
  }

  #watchOf({ id, pid }: Watched, isStarting: boolean): Watch {
    const known = this.#watches.get(id);
    if (known !== undefined && known.pid === pid && known.isStarting === isStarting) return known;
    const watch: Watch = { pid, isStarting, silentFor: 0 };
    this.#watches.set(id, watch);
    return watch;
  }

  #reportBlocked({ id, pid }: Watched): void {
    const fields = { workerId: id, workerPid: pid, expected: 'a pong within 5 s', got: 'none' };
    this.#options.log.error(fields, 'worker blocked: its event loop does not turn');
    this.#options.onBlocked(id);
  }

  #reportKilled({ id, pid }: Watched, isStarting: boolean): void {
    const expected = isStarting ? 'to listen within 20 s' : 'a pong within 20 s';
    this.#options.log.error(
      { workerId: id, workerPid: pid, expected, got: 'none' },
      'worker killed: it does not answer',
    );
  }
}
