/**
 * Relayed connections of backends that drain: left to finish, and after the pool's `timeouts.drain` closed evenly with 1012. The
 * time runs from when this worker heard of it; a backend that is ready again keeps what it has. Called every half second: a
 * time of minutes needs no finer clock, and the closing itself has one of its own.
 */
import { CloseCode } from '@holdfast/protocol';
import type { Backend } from '../pool/backend.js';
import type { Pool } from '../pool/pool.js';
import type { RelayLink } from '../relay/relay-link.js';
import { EvenClosing } from './even-closing.js';
import { drainWindowMs } from './orders.js';

interface Draining {
  readonly sinceMs: number;
  closing: EvenClosing | undefined;
}

type Ending = Pick<RelayLink, 'counts' | 'isOver' | 'close'>;

export class BackendDrains {
  readonly #pools: { readonly all: Iterable<Pool> };
  readonly #links: Iterable<Ending>;
  readonly #onDeadline: (backend: Backend, connections: number) => void;
  readonly #draining = new Map<Backend, Draining>();

  /** @param onDeadline so many are closed from now on. */
  constructor(
    pools: { readonly all: Iterable<Pool> },
    links: Iterable<Ending>,
    onDeadline: (backend: Backend, connections: number) => void,
  ) {
    this.#pools = pools;
    this.#links = links;
    this.#onDeadline = onDeadline;
  }

  look(nowMs: number): void {
    const before = new Set(this.#draining.keys());
    for (const pool of this.#pools.all) {
      const { drainMs } = pool.config.timeouts;
      if (pool.config.session !== undefined || drainMs === 0) continue;
      for (const backend of pool.members) {
        if (backend.state !== 'draining') continue;
        before.delete(backend);
        this.#judge(backend, drainMs, nowMs);
      }
    }
    for (const backend of before) this.#forget(backend);
  }

  close(): void {
    for (const backend of this.#draining.keys()) this.#forget(backend);
  }

  #judge(backend: Backend, drainMs: number, nowMs: number): void {
    const draining = this.#draining.get(backend) ?? { sinceMs: nowMs, closing: undefined };
    this.#draining.set(backend, draining);
    if (draining.closing !== undefined || nowMs - draining.sinceMs < drainMs) return;
    const open = (): readonly Ending[] => this.#linksOf(backend);
    const count = open().length;
    if (count > 0) this.#onDeadline(backend, count);
    // As unhurried as a worker that stops: nobody waits for the end of it.
    const orders = { deadlineMs: Infinity, windowMs: undefined, closesPerSecond: 0, hasSuccessors: true };
    const windowMs = drainWindowMs(orders, count, 0);
    const how = { code: CloseCode.ServiceRestart, reason: 'the service restarts' };
    draining.closing = new EvenClosing({ open, windowMs, perSecond: 0, ...how });
  }

  #linksOf({ poolName, id }: Backend): readonly Ending[] {
    return [...this.#links].filter(({ counts }) => counts.backend === id && counts.pool === poolName);
  }

  #forget(backend: Backend): void {
    this.#draining.get(backend)?.closing?.stop();
    this.#draining.delete(backend);
  }
}
