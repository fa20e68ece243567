/**
 * One backend of a pool as a worker sees it: what the supervisor said of it last, and what this worker has in flight
 * there. It outlives its membership: a connection keeps its Backend until it ends, also when the backend has left
 * the pool meanwhile. Only the pool changes it, besides the counts that the relay moves.
 */
import type { BackendOutcome, BackendSnapshot, BackendState } from '../control/messages.js';
import { type Endpoint, parseOrigin } from './endpoint.js';
import { slowStartShare } from './slow-start.js';

export class Backend {
  readonly poolName: string;
  readonly id: string;
  readonly url: string;
  readonly endpoint: Endpoint;
  #told: BackendSnapshot;
  #slowStartMs = 0;
  #active = 0;
  #elsewhere = 0;
  #underflows = 0;
  #successes = 0;
  #failures = 0;
  #streak = 0;

  constructor(poolName: string, snapshot: BackendSnapshot) {
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

  /** What its certificate has to be for: the name that was looked up, or else the host of its URL, maybe an address. */
  get certificateName(): string {
    return this.#told.serverName ?? this.endpoint.host;
  }

  /** In flight from this worker: exact. */
  get active(): number {
    return this.#active;
  }

  /** In flight from this machine: the part of the other workers is as old as their last report. */
  get load(): number {
    return this.#active + this.#elsewhere;
  }

  /** Releases without an acquire: a fault of the caller, counted here for the metrics because a throw would cost a client. */
  get underflows(): number {
    return this.#underflows;
  }

  share(nowMs: number): number {
    return slowStartShare(this.#told, this.#slowStartMs, nowMs);
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

  /** Called by the pool: the supervisor's latest word. */
  tell(snapshot: BackendSnapshot, slowStartMs: number): void {
    this.#told = snapshot;
    this.#slowStartMs = slowStartMs;
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
