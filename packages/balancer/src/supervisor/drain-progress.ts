/**
 * How far those workers are that let their clients go: all of them when this balancer stops, one when it is replaced. While
 * any is at it, a line of the log says every few seconds how many are left.
 */
import type { Logger } from 'pino';

export interface DrainCounts {
  /** Connections, requests and sessions that are still there, as of the workers' last word. */
  readonly left: number;
  /** Since the start of this balancer: gone in order, and cut at a deadline. */
  readonly closed: number;
  readonly cut: number;
}

const LOG_EVERY_MS = 5000;

export class DrainProgress {
  readonly #log: Logger;
  readonly #left = new Map<number, number>();
  #closed = 0;
  #cut = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  get counts(): DrainCounts {
    let left = 0;
    for (const count of this.#left.values()) left += count;
    return { left, closed: this.#closed, cut: this.#cut };
  }

  onLeft(workerId: number, left: number): void {
    this.#left.set(workerId, left);
    this.#timer ??= setInterval(() => this.#log.info({ left: this.counts.left }, 'draining'), LOG_EVERY_MS).unref();
  }

  onDrained(workerId: number, { closed, cut }: { readonly closed: number; readonly cut: number }): void {
    this.#closed += closed;
    this.#cut += cut;
    this.#log.info({ workerId, closed, cut }, 'worker drained');
    this.forget(workerId);
  }

  /** Its process is gone, and with it whoever was left. */
  forget(workerId: number): void {
    this.#left.delete(workerId);
    if (this.#left.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
