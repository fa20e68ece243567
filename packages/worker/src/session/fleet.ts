/**
 * This worker's lease, and what the leases of all workers tell: how many there are elsewhere, how long clients should take to
 * come back, and this worker's part of what the fleet admits. While shared state does not answer, what it said last stands.
 */
import type { LeaseStore } from '@holdfast/state';
import type { Admission } from '../admission/admission.js';
import { fleetShare } from '../admission/fleet-share.js';
import type { AdmissionConfig } from '../config-capacity.js';
import { farewellOf, FleetView, type LeaseFacts } from './fleet-view.js';
import { pacingWindowMs, readWorkerInfo, type WorkerInfo } from './pacing.js';

export interface FleetOptions {
  readonly leases: LeaseStore;
  /** Incarnation of this worker. */
  readonly worker: string;
  /** Of this machine, the same for all its workers. */
  readonly balancer: string;
  readonly admission: Admission;
  readonly config: () => AdmissionConfig;
  readonly sessions: () => number;
  /** For operators only: relayed WebSockets, this worker's version, whether it is about to stop. */
  readonly connections: () => number;
  readonly version: string;
  readonly isDraining: () => boolean;
  /** Whether it may be sent other workers' sessions. */
  readonly isTaking: () => boolean;
  /** It was renewed, and these are alive. `hasLapsed`: it had been over, and others may have noticed. */
  readonly onRenewed: (alive: readonly string[], hasLapsed: boolean) => void;
  readonly log: { debug(fields: object, message: string): void };
}

const RENEW_EVERY_MS = 2000;
const LEASE_MS = 6000;
/** Weight of the newest renewal in what this worker usually admits: about a minute is looked back on. */
const NEWEST = 1 / 30;
/** What came in less time than this says nothing about a second. */
const MIN_MEASURE_SECONDS = 0.5;
/** However much comes usually, so much is left for those who come back. */
const MIN_SPARE = 0.5;

export class Fleet {
  readonly #options: FleetOptions;
  readonly #timer: NodeJS.Timeout;
  #renewing: Promise<void> | undefined;
  #renewedAtMs: number | undefined;
  #askedAtMs = performance.now();
  #usual = 0;
  #demand = 0;
  /** Where clients of this machine can go. */
  hasOthers = false;
  pacingMs = 0;
  /** All that are alive, this one included, as of the last renewal. */
  workers: readonly WorkerInfo[] = [];
  readonly view: FleetView;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.view = new FleetView(options.balancer, performance.now());
    this.#timer = setInterval(() => void this.#renew(), RENEW_EVERY_MS);
    this.#timer.unref();
    this.onConfig();
    void this.#renew();
  }

  close(): void {
    clearInterval(this.#timer);
    const { leases, worker, balancer, log } = this.#options;
    const onFailed = (error: unknown): void => log.debug({ err: error }, 'lease not released');
    leases.renew(farewellOf(balancer)).catch(onFailed);
    leases.release(worker).catch(onFailed);
  }

  /** For who has to know now how many others there are, or has to be known by them. Never rejects. */
  async refresh(): Promise<void> {
    // One that is under way may have begun before the store could be reached.
    await this.#renewing;
    await this.#renew();
  }

  /** What may be admitted has changed. */
  onConfig(): void {
    const { admission, config } = this.#options;
    admission.setPerSecond(fleetShare({ demand: this.#demand }, this.workers, config()));
  }

  /** One at a time: a slow store is not asked again while it thinks. */
  #renew(): Promise<void> {
    this.#renewing ??= this.#renewOnce().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #renewOnce(): Promise<void> {
    const { leases, worker, balancer, log, config } = this.#options;
    const info = this.#info();
    try {
      const text = JSON.stringify({ ...info, ...this.#facts() });
      const alive = await leases.renew({ id: worker, kind: 'worker', info: text, ttlMs: LEASE_MS });
      this.view.onLeases(alive, performance.now());
      const workers = alive.filter(({ kind }) => kind === 'worker').map((lease) => readWorkerInfo(lease.info));
      this.workers = workers.filter((it) => it !== undefined);
      this.hasOthers = this.workers.some((it) => it.balancer !== balancer);
      this.pacingMs = pacingWindowMs(balancer, this.workers, config().fleetPerSecond);
      this.#demand = info.demand;
      this.onConfig();
      this.#onRenewed(alive.map(({ id }) => id));
    } catch (error) {
      log.debug({ err: error }, 'lease not renewed');
    }
  }

  #info(): WorkerInfo {
    const { balancer, sessions, config, admission, isTaking } = this.#options;
    const { perSecond } = config();
    const nowMs = performance.now();
    const seconds = Math.max(MIN_MEASURE_SECONDS, (nowMs - this.#askedAtMs) / 1000);
    this.#askedAtMs = nowMs;
    const demand = Math.round(admission.takeAsked() / seconds);
    this.#usual += (Math.min(demand, perSecond) - this.#usual) * NEWEST;
    const spare = Math.max(perSecond * MIN_SPARE, perSecond - this.#usual);
    return { balancer, sessions: sessions(), admissionPerSecond: Math.round(spare), demand, isTaking: isTaking() };
  }

  #facts(): Omit<LeaseFacts, 'balancer' | 'sessions'> {
    const { connections, version, isDraining } = this.#options;
    return { connections: connections(), version, isDraining: isDraining() };
  }

  #onRenewed(alive: readonly string[]): void {
    const nowMs = performance.now();
    const hasLapsed = this.#renewedAtMs !== undefined && nowMs - this.#renewedAtMs >= LEASE_MS;
    this.#renewedAtMs = nowMs;
    this.#options.onRenewed(alive, hasLapsed);
  }
}
