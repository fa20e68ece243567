/**
 * Passes around how busy each backend is: workers report what they have in flight, and each is told the sum of the others',
 * so that a choice is right for the machine and not for one process. Reports are gathered and passed on at most every
 * 100 ms, and only what changed for that worker: an idle machine sends nothing. Passing each report on at once was
 * rejected: with n workers that is n² messages per change.
 */
import type { BackendLoads } from '@holdfast/worker';

export interface LoadListener {
  readonly id: number;
  /** False when it could not be told; it is told again later. */
  sendLoads(loads: BackendLoads): boolean;
}

const EXCHANGE_INTERVAL_MS = 100;

export class LoadExchange {
  readonly #listeners: () => Iterable<LoadListener>;
  readonly #reports = new Map<number, BackendLoads>();
  /** What each worker was last told, as text: comparing texts is simpler than comparing trees, and as fast here. */
  readonly #told = new Map<number, string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(listeners: () => Iterable<LoadListener>) {
    this.#listeners = listeners;
  }

  report(workerId: number, loads: BackendLoads): void {
    this.#reports.set(workerId, loads);
    this.#schedule();
  }

  /** A worker that listens from now on has been told nothing yet. */
  join(workerId: number): void {
    this.#told.delete(workerId);
    this.#schedule();
  }

  /** A worker that is gone holds nothing any more. */
  forget(workerId: number): void {
    this.#reports.delete(workerId);
    this.#told.delete(workerId);
    this.#schedule();
  }

  /** Connections and requests that a worker has in flight, over all backends. */
  totalOf(workerId: number): number {
    return totalOf(this.#reports.get(workerId) ?? {});
  }

  /** In flight at one backend, from all workers. */
  at(pool: string, backendId: string): number {
    let sum = 0;
    for (const loads of this.#reports.values()) sum += loads[pool]?.[backendId] ?? 0;
    return sum;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => this.#exchange(), EXCHANGE_INTERVAL_MS).unref();
  }

  #exchange(): void {
    this.#timer = undefined;
    const sum = sumOf(this.#reports.values());
    for (const listener of this.#listeners()) {
      const others = without(sum, this.#reports.get(listener.id) ?? {});
      const text = JSON.stringify(others);
      if (text === (this.#told.get(listener.id) ?? '{}')) continue;
      if (listener.sendLoads(others)) this.#told.set(listener.id, text);
      else this.#schedule();
    }
  }
}

type Sums = Map<string, Map<string, number>>;

function sumOf(reports: Iterable<BackendLoads>): Sums {
  const sums: Sums = new Map();
  for (const loads of reports) {
    for (const [pool, backends] of Object.entries(loads)) {
      const sum = sums.get(pool) ?? new Map<string, number>();
      sums.set(pool, sum);
      for (const [id, count] of Object.entries(backends)) sum.set(id, (sum.get(id) ?? 0) + count);
    }
  }
  return sums;
}

/** Sorted by name, so that equal loads are equal texts. */
function without(sums: Sums, own: BackendLoads): BackendLoads {
  const pools = [...sums].map(([pool, backends]) => {
    const rest = [...backends].map(([id, count]) => [id, count - (own[pool]?.[id] ?? 0)] as const);
    return [pool, Object.fromEntries(rest.filter(([, count]) => count > 0).sort(byName))] as const;
  });
  return Object.fromEntries(pools.filter(([, backends]) => Object.keys(backends).length > 0).sort(byName));
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

function totalOf(loads: BackendLoads): number {
  return Object.values(loads).reduce((sum, backends) => sum + Object.values(backends).reduce((a, b) => a + b, 0), 0);
}
