/**
 * One backend of a pool as a worker sees it: what the supervisor said of it last, and what this worker has in flight
 * there. It outlives its membership: a connection keeps its Backend until it ends, also when the backend has left
 * the pool meanwhile. Only the pool changes it, besides the counts that the relay moves.
 */
import type { PoolConfig, PoolTlsConfig, SocksProxy } from '../config.js';
import type { BackendOutcome, BackendSnapshot, BackendState } from '../control/messages.js';
import { type Endpoint, parseOrigin } from './endpoint.js';
import { slowStartShare } from './slow-start.js';

/** What a backend of a session pool says of itself. */
export interface ReportedLoad {
  /** That it holds, of all workers and balancers. */
  readonly sessions: number;
  /** Share of its weight that it wants, 0 to 1. */
  readonly weight: number;
}

/** A backend that wants nothing is still better than none. */
const MIN_WANTED = 0.01;

export class Backend {
  /** Can this worker give it work? In a session pool: is there a trunk that takes sessions? Set by the pool alone. */
  isLinked: boolean;
  readonly poolName: string;
  readonly id: string;
  readonly url: string;
  readonly endpoint: Endpoint;
  #told: BackendSnapshot;
  #slowStartMs = 0;
  #tls: PoolTlsConfig | undefined;
  #proxy: SocksProxy | undefined;
  #active = 0;
  #elsewhere = 0;
  /** `sessions` without those from this worker, which it knows better: they change with each that comes and goes. */
  #reported: ReportedLoad | undefined;
  #underflows = 0;
  #successes = 0;
  #failures = 0;
  #streak = 0;

  constructor(poolName: string, snapshot: BackendSnapshot, isLinked: boolean) {
    this.isLinked = isLinked;
    this.poolName = poolName;
    this.id = snapshot.id;
    this.url = snapshot.url;
    this.endpoint = parseOrigin(snapshot.url);
    this.#told = snapshot;
  }

  get weight(): number {
    return this.#told.weight;
  }

  get state(): BackendState {
    return this.#told.state;
  }

  /** What its certificate has to be for: as configured, or the name that was looked up, or the host of its URL, maybe an address. */
  get certificateName(): string {
    return this.#tls?.serverName ?? this.#told.serverName ?? this.endpoint.host;
  }

  /** Of its pool, for new connections. */
  get tls(): PoolTlsConfig | undefined {
    return this.#tls;
  }

  /** Of its pool, for new connections. */
  get proxy(): SocksProxy | undefined {
    return this.#proxy;
  }

  /** In flight from this worker: exact. */
  get active(): number {
    return this.#active;
  }

  /**
   * In flight from this machine: the part of the other workers is as old as their last report. Of a session pool: what the
   * backend said last that the whole fleet has there, and what has changed here since.
   */
  get load(): number {
    return Math.max(0, this.#active + (this.#reported?.sessions ?? this.#elsewhere));
  }

  /** Releases without an acquire: a fault of the caller, counted here for the metrics because a throw would cost a client. */
  get underflows(): number {
    return this.#underflows;
  }

  share(nowMs: number): number {
    const wanted = Math.max(MIN_WANTED, this.#reported?.weight ?? 1);
    return slowStartShare(this.#told, this.#slowStartMs, nowMs) * wanted;
  }

  /** undefined: nobody knows any more. */
  setReported(load: ReportedLoad | undefined): void {
    this.#reported = load && { sessions: load.sessions - this.#active, weight: load.weight };
  }

  acquire(): void {
    this.#active += 1;
  }

  release(): void {
    if (this.#active === 0) this.#underflows += 1;
    else this.#active -= 1;
  }

  succeeded(): void {
    this.#successes += 1;
    this.#streak = 0;
  }

  failed(): void {
    this.#failures += 1;
    this.#streak += 1;
  }

  /** Called by the pool: the supervisor's latest word, and what holds for all members. */
  tell(
    snapshot: BackendSnapshot,
    { slowStartMs, tls, proxy }: Pick<PoolConfig, 'slowStartMs' | 'tls' | 'proxy'>,
  ): void {
    this.#told = snapshot;
    this.#slowStartMs = slowStartMs;
    this.#tls = tls;
    this.#proxy = proxy;
  }

  /** Called by the pool: in flight from the other workers. */
  setLoadElsewhere(load: number): void {
    this.#elsewhere = Number.isFinite(load) && load > 0 ? load : 0;
  }

  /** Called by the pool for its report: what happened since the last call, undefined when nothing did. */
  takeOutcome(): BackendOutcome | undefined {
    if (this.#successes + this.#failures === 0) return undefined;
    const outcome = {
      pool: this.poolName,
      backendId: this.id,
      successes: this.#successes,
      failures: this.#failures,
      streak: this.#streak,
    };
    this.#successes = this.#failures = this.#streak = 0;
    return outcome;
  }
}
