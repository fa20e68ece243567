/**
 * This worker's lease, and what the leases of the others tell: how many there are elsewhere, and how long clients should take to
 * come back. While shared state does not answer, what it said last stands.
 */
import type { LeaseStore } from '@holdfast/state';
import { pacingWindowMs, readWorkerInfo, type WorkerInfo } from './pacing.js';

export interface FleetOptions {
  readonly leases: LeaseStore;
  /** Incarnation of this worker. */
  readonly worker: string;
  /** Of this machine, the same for all its workers. */
  readonly balancer: string;
  readonly sessions: () => number;
  /** It was renewed, and these are alive. `hasLapsed`: it had been over, and others may have noticed. */
  readonly onRenewed: (alive: readonly string[], hasLapsed: boolean) => void;
  readonly log: { debug(fields: object, message: string): void };
}

/** Clients that a worker lets in per second. */
export const ADMISSION_PER_SECOND = 1000;
const RENEW_EVERY_MS = 2000;
const LEASE_MS = 6000;

export class Fleet {
  readonly #options: FleetOptions;
  readonly #timer: NodeJS.Timeout;
  #isRenewing = false;
  #renewedAtMs: number | undefined;
  /** Where clients of this machine can go. */
  hasOthers = false;
  pacingMs = 0;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#renew(), RENEW_EVERY_MS);
    this.#timer.unref();
    void this.#renew();
  }

  close(): void {
    clearInterval(this.#timer);
    const { leases, worker, log } = this.#options;
    leases.release(worker).catch((error: unknown) => log.debug({ err: error }, 'lease not released'));
  }

  /** One at a time: a slow store is not asked again while it thinks. */
  async #renew(): Promise<void> {
    if (this.#isRenewing) return;
    this.#isRenewing = true;
    const { leases, worker, balancer, sessions, log } = this.#options;
    const info: WorkerInfo = { balancer, sessions: sessions(), admissionPerSecond: ADMISSION_PER_SECOND };
    try {
      const alive = await leases.renew({ id: worker, kind: 'worker', info: JSON.stringify(info), ttlMs: LEASE_MS });
      const workers = alive.filter(({ kind }) => kind === 'worker').map((lease) => readWorkerInfo(lease.info));
      const known = workers.filter((it) => it !== undefined);
      this.hasOthers = known.some((it) => it.balancer !== balancer);
      this.pacingMs = pacingWindowMs(balancer, known);
      this.#onRenewed(alive.map(({ id }) => id));
    } catch (error) {
      log.debug({ err: error }, 'lease not renewed');
    } finally {
      this.#isRenewing = false;
    }
  }

  #onRenewed(alive: readonly string[]): void {
    const nowMs = performance.now();
    const hasLapsed = this.#renewedAtMs !== undefined && nowMs - this.#renewedAtMs >= LEASE_MS;
    this.#renewedAtMs = nowMs;
    this.#options.onRenewed(alive, hasLapsed);
  }
}
