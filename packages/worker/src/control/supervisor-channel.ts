/**
 * A worker's line to its supervisor, over the IPC channel of the process. Calls are answered or fail: none waits for
 * ever, and there is a bound on how many wait. When the supervisor is gone the line says so once.
 */
import type { FromWorker, ToWorker } from './messages.js';

/** The part of `process` that is used: a test passes two ends of a pipe. */
export interface IpcPort {
  send?(message: unknown, callback: (error: Error | null) => void): unknown;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  on(event: 'disconnect', listener: () => void): unknown;
}

export type ToWorkerOf<Type extends ToWorker['type']> = Extract<ToWorker, { type: Type }>;

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout | undefined;
}

const CALL_TIMEOUT_MS = 1_000;
/** Ids of calls begin at 1. */
const NO_ANSWER = 0;
const MAX_WAITING_CALLS = 20_000;

export class SupervisorChannel {
  onMessage: ((message: Exclude<ToWorker, { type: 'reply' | 'push' }>) => void) | undefined;
  /** Pushes of the embedded engine; those that come before somebody listens are nobody's. */
  onPush: ((push: unknown) => void) | undefined;
  onDisconnect: (() => void) | undefined;
  readonly #port: IpcPort;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #isConnected = true;

  constructor(port: IpcPort) {
    this.#port = port;
    // Nobody but our own supervisor holds the other end; it speaks ToWorker.
    port.on('message', (message) => this.#onMessage(message as ToWorker));
    port.on('disconnect', () => this.#onDisconnect());
  }

  send(message: FromWorker): void {
    if (!this.#isConnected) return;
    this.#port.send?.(message, (error) => {
      if (error !== null) this.#onDisconnect();
    });
  }

  /** Tells a service of the supervisor something that needs no answer: never refused, in order with the calls. */
  tell(method: string, args: readonly unknown[]): void {
    this.send({ type: 'call', id: NO_ANSWER, method, args });
  }

  /**
   * Asks a service of the supervisor. Rejects after `timeoutMs`, or at once when it is gone.
   * @param timeoutMs Infinity: as long as there is a supervisor.
   */
  call(method: string, args: readonly unknown[], timeoutMs: number = CALL_TIMEOUT_MS): Promise<unknown> {
    if (!this.#isConnected) return Promise.reject(new Error(`expected a supervisor to answer ${method}, got none`));
    if (this.#waiting.size >= MAX_WAITING_CALLS) {
      return Promise.reject(new Error(`expected under ${MAX_WAITING_CALLS} waiting calls, got one more: ${method}`));
    }
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      const onLate = (): void => {
        this.#waiting.delete(id);
        reject(new Error(`expected an answer to ${method} within ${timeoutMs} ms, got none`));
      };
      const timer = timeoutMs === Infinity ? undefined : setTimeout(onLate, timeoutMs);
      this.#waiting.set(id, { resolve, reject, timer });
      this.send({ type: 'call', id, method, args });
    });
  }

  #onMessage(message: ToWorker): void {
    if (message.type === 'push') {
      this.onPush?.(message.push);
      return;
    }
    if (message.type !== 'reply') {
      this.onMessage?.(message);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    if (waiting === undefined) return;
    this.#waiting.delete(message.id);
    clearTimeout(waiting.timer);
    if (message.ok) waiting.resolve(message.value);
    else waiting.reject(new Error(message.error));
  }

  #onDisconnect(): void {
    if (!this.#isConnected) return;
    this.#isConnected = false;
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new Error('expected an answer of the supervisor, got the end of the channel'));
    }
    this.#waiting.clear();
    this.onDisconnect?.();
  }
}
