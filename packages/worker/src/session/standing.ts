/**
 * This worker among the others of the fleet: its lease (fleet.ts), whom it lets in (admission/), and what it gives away when it
 * has too much (rebalance/). Joins the three, because each goes by what the leases say.
 */
import { Admission } from '../admission/admission.js';
import {
  type AdmissionConfig,
  DEFAULT_ADMISSION,
  DEFAULT_REBALANCE,
  type RebalanceConfig,
} from '../config-capacity.js';
import { Rebalancing, type RebalancingDeps } from '../rebalance/rebalancing.js';
import { Fleet, type FleetOptions } from './fleet.js';

/** What a reload may change. */
export interface CapacitySettings {
  /** @default DEFAULT_ADMISSION */
  readonly admission?: AdmissionConfig;
  /** @default DEFAULT_REBALANCE */
  readonly rebalance?: RebalanceConfig;
}

export interface StandingOptions
  extends
    Omit<FleetOptions, 'admission' | 'config' | 'sessions' | 'isTaking'>,
    Pick<RebalancingDeps, 'sessions' | 'links' | 'handOver' | 'onMoved' | 'random'> {
  readonly onRefused: () => void;
}

export class Standing {
  readonly admission: Admission;
  readonly fleet: Fleet;
  readonly #options: StandingOptions;
  readonly #rebalancing: Rebalancing;
  #admissionConfig: AdmissionConfig;
  #rebalanceConfig: RebalanceConfig;

  constructor(options: StandingOptions, settings: CapacitySettings) {
    const { sessions, random, onRefused } = options;
    this.#options = options;
    this.#admissionConfig = settings.admission ?? DEFAULT_ADMISSION;
    this.#rebalanceConfig = settings.rebalance ?? DEFAULT_REBALANCE;
    this.admission = new Admission(this.#admissionConfig, { random, onRefused });
    this.#rebalancing = new Rebalancing({
      ...options,
      config: () => this.#rebalanceConfig,
      workers: () => this.fleet.workers,
      isHeld: () => !this.#isTaking,
    });
    this.fleet = new Fleet({
      ...options,
      admission: this.admission,
      config: () => this.#admissionConfig,
      sessions: () => sessions.size,
      isTaking: () => this.#isTaking,
      onRenewed: (alive, hasLapsed) => {
        options.onRenewed(alive, hasLapsed);
        this.#rebalancing.look(performance.now());
      },
    });
  }

  /** Of this machine, this one included. */
  get workersHere(): number {
    return this.fleet.workers.filter(({ balancer }) => balancer === this.#options.balancer).length;
  }

  update(settings: CapacitySettings): void {
    this.#admissionConfig = settings.admission ?? DEFAULT_ADMISSION;
    this.#rebalanceConfig = settings.rebalance ?? DEFAULT_REBALANCE;
    this.fleet.onConfig();
  }

  close(): void {
    this.admission.close();
    this.fleet.close();
  }

  /** Others may send their clients here. */
  get #isTaking(): boolean {
    return !this.#options.isDraining() && !this.admission.isClosedToNew;
  }
}
