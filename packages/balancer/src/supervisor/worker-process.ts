/**
 * One slot of the fleet: the process that fills it now, the messages to and from it, and its replacement when it dies.
 * The states are in worker-state.ts and the delays in restart-policy.ts; here are the effects. What the messages
 * mean is the owner's business: this file only tells when a worker listens, speaks and is gone.
 */
import type { ChildProcess } from 'node:child_process';
import type { DrainOrders, FromWorker, ToWorker } from '@holdfast/worker';
import type { Logger } from 'pino';
import { afterDeath, CLEAN_RECORD, type RestartRecord } from './restart-policy.js';
import { readWorkerMessage } from './worker-messages.js';
import { hasProcess, nextWorkerState, type WorkerEvent, type WorkerState } from './worker-state.js';

/** Called by a worker slot, never while one of its own methods is still at work. */
interface WorkerProcessOwner {
  onListening(worker: WorkerProcess): void;
  /** Everything but `hello`, `listening` and `failed`. */
  onMessage(worker: WorkerProcess, message: FromWorker): void;
  /** Its process is gone; `state` says what comes next. */
  onGone(worker: WorkerProcess): void;
}

export interface WorkerProcessDeps {
  readonly fork: (workerId: number) => ChildProcess;
  readonly random: () => number;
  readonly log: Logger;
  readonly startMessage: (workerId: number) => ToWorker;
  readonly owner: WorkerProcessOwner;
}

/** After its end a worker's last words may still be in the channel: so long they are waited for. */
const LAST_WORDS_MS = 200;
/** A worker without a channel cannot be told anything: it ends by itself within this time, or is ended. */
const DISCONNECTED_GRACE_MS = 1000;
/** Messages handed to the channel and not taken by the other end yet; a worker that reads has none. */
const MAX_UNSENT = 16;

export class WorkerProcess {
  readonly id: number;
  readonly #deps: WorkerProcessDeps;
  readonly #log: Logger;
  #state: WorkerState = { name: 'stopped', since: performance.now() };
  #child: ChildProcess | undefined;
  #record: RestartRecord = CLEAN_RECORD;
  #unsent = 0;
  #restarts = 0;
  #hasListened = false;
  #lastWords: string | undefined;
  #lastExit: string | undefined;
  #retryTimer: NodeJS.Timeout | undefined;

  constructor(id: number, deps: WorkerProcessDeps) {
    this.id = id;
    this.#deps = deps;
    this.#log = deps.log.child({ workerId: id });
  }

  get state(): WorkerState {
    return this.#state;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Processes that came after the first one. */
  get restarts(): number {
    return this.#restarts;
  }

  /** Whether any of its processes ever did. */
  get hasListened(): boolean {
    return this.#hasListened;
  }

  /** Why its last process ended; undefined while none has. */
  get lastExit(): string | undefined {
    return this.#lastExit;
  }

  get isOverBudget(): boolean {
    return this.#record.isOverBudget;
  }

  /** It does not read its channel as fast as it is written to: what can wait should. */
  get isBehind(): boolean {
    return this.#unsent >= MAX_UNSENT;
  }

  start(): void {
    this.#become({ type: 'forked' });
    this.#lastWords = undefined;
    this.#unsent = 0;
    try {
      this.#follow(this.#deps.fork(this.id));
    } catch (error) {
      // Told later, so that the owner is not called while it still is in start().
      setImmediate(() => this.#onGone(undefined, `could not be started: ${String(error)}`));
    }
  }

  /**
   * False when there is nobody to take it.
   * @param onTaken called when the channel has taken the message; never where the process ends before.
   */
  send(message: ToWorker, onTaken?: () => void): boolean {
    const child = this.#child;
    if (child?.connected !== true) return false;
    this.#unsent += 1;
    child.send(message, (error) => {
      if (child !== this.#child) return;
      this.#unsent -= 1;
      if (error !== null) this.#log.debug({ err: error, type: message.type }, 'message to a worker not sent');
      onTaken?.();
    });
    return true;
  }

  /** Asks it to end; one that does not listen yet has nothing to finish and is ended. Not replaced in any case. */
  drain(orders: DrainOrders): void {
    clearTimeout(this.#retryTimer);
    const isServing = this.#state.name === 'listening';
    this.#become({ type: 'drained', deadline: performance.now() + orders.deadlineMs });
    if (isServing) this.send({ type: 'drain', ...orders });
    else if (this.#state.name === 'draining') this.kill();
  }

  /** SIGKILL: a stopped or blocked process hears nothing else. */
  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  #follow(child: ChildProcess): void {
    this.#child = child;
    child.on('message', (raw) => this.#onMessage(child, raw));
    child.on('error', (error) => {
      // Without a pid it never ran, and no `exit` will come.
      if (child.pid === undefined) this.#onGone(child, `could not be started: ${error.message}`);
      else this.#log.warn({ err: error }, 'worker process error');
    });
    child.once('exit', (code, signal) => {
      whenSilent(child, () => this.#onGone(child, signal === null ? `exit code ${code}` : `signal ${signal}`));
    });
    child.once('disconnect', () => this.#onDisconnect(child));
  }

  #onDisconnect(child: ChildProcess): void {
    const timer = setTimeout(() => {
      if (child !== this.#child || this.#state.name === 'draining') return;
      this.#log.warn({ workerPid: child.pid }, 'worker closed its channel without ending: killed');
      child.kill('SIGKILL');
    }, DISCONNECTED_GRACE_MS);
    timer.unref();
  }

  #onMessage(child: ChildProcess, raw: unknown): void {
    if (child !== this.#child) return;
    const read = readWorkerMessage(raw);
    if (!read.ok) {
      this.#log.warn({ expected: 'a message of the worker protocol', got: read.got }, 'message of a worker ignored');
      return;
    }
    const { message } = read;
    if (message.type === 'hello') this.send(this.#deps.startMessage(this.id));
    else if (message.type === 'failed') this.#lastWords = message.error;
    else if (message.type === 'listening') this.#onListening(message.ports);
    else this.#deps.owner.onMessage(this, message);
  }

  #onListening(ports: readonly number[]): void {
    this.#become({ type: 'listening', ports });
    if (this.#state.name !== 'listening') return;
    this.#hasListened = true;
    this.#log.info({ workerPid: this.pid, ports }, 'worker listens');
    this.#deps.owner.onListening(this);
  }

  #onGone(child: ChildProcess | undefined, how: string): void {
    if (child !== this.#child || !hasProcess(this.#state)) return;
    const before = this.#state;
    const pid = this.pid;
    this.#child = undefined;
    this.#lastExit = this.#lastWords === undefined ? how : `${this.#lastWords} (${how})`;
    if (before.name === 'draining') {
      this.#become({ type: 'exited', reason: this.#lastExit, retryAt: 0 });
      this.#log.info({ workerPid: pid, how }, 'worker stopped');
    } else {
      this.#scheduleRestart(before, pid);
    }
    this.#deps.owner.onGone(this);
  }

  #scheduleRestart(before: WorkerState, pid: number | undefined): void {
    const now = performance.now();
    const listenedForMs = before.name === 'listening' ? now - before.since : 0;
    const decision = afterDeath(this.#record, { now, listenedForMs }, this.#deps.random);
    const reason = this.#lastExit ?? 'unknown';
    this.#record = decision.record;
    this.#become({ type: 'exited', reason, retryAt: now + decision.delayMs });
    this.#retryTimer = setTimeout(() => this.#restart(), decision.delayMs);
    const fields = {
      workerPid: pid,
      reason,
      deaths: decision.record.deaths.length,
      retryInMs: Math.round(decision.delayMs),
    };
    this.#log.warn(fields, 'worker died');
    if (decision.wentOverBudget) this.#log.error(fields, 'worker keeps dying: tried again every 30 s only; see reason');
  }

  #restart(): void {
    if (this.#state.name !== 'backoff') return;
    this.#restarts += 1;
    this.start();
  }

  #become(event: WorkerEvent): void {
    this.#state = nextWorkerState(this.#state, event, performance.now());
  }
}

/** Calls once the channel has been read to its end: an exit is often seen before the message that explains it. */
function whenSilent(child: ChildProcess, then: () => void): void {
  if (!child.connected) {
    then();
    return;
  }
  let isDone = false;
  const finish = (): void => {
    if (isDone) return;
    isDone = true;
    clearTimeout(timer);
    then();
  };
  const timer = setTimeout(finish, LAST_WORDS_MS);
  child.once('disconnect', finish);
}
