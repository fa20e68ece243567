/**
 * A pool in a worker: its members as of the supervisor's last snapshot, and the choice among them. Who may take new
 * work is decided once per update, not per pick; picking is the strategy's. Members are matched by id and URL: another
 * URL under the same id is another server, whose predecessor keeps its own counts until its connections end.
 */
import type { PoolConfig } from '../config.js';
import type { BackendOutcome, BackendSnapshot } from '../control/messages.js';
import { Backend } from './backend.js';
import { type Eligibility, judge } from './eligibility.js';
import type { Strategy } from './strategies/candidate.js';
import { SourceHash } from './strategies/source-hash.js';
import { createStrategy } from './strategies/strategy.js';

export interface PoolDeps {
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Epoch milliseconds, on the clock that the supervisor stamps slow starts with. */
  readonly now: () => number;
}

export interface PickOptions {
  /** What source-hash and consistent-hash go by; without it they balance by two choices. */
  readonly hashKey?: string;
  /** Backends that were tried already. */
  readonly exclude?: ReadonlySet<Backend>;
}

export class Pool {
  readonly name: string;
  readonly #deps: PoolDeps;
  #config: PoolConfig;
  #members: ReadonlyMap<string, Backend> = new Map();
  /** Not members any more, with connections that go on. Bounded by those connections. */
  #leaving: readonly Backend[] = [];
  #eligible: Eligibility = { name: 'normal', candidates: [] };
  #strategy: Strategy<Backend>;
  readonly #byHash: SourceHash<Backend>;
  #elsewhere: Readonly<Record<string, number>> = {};
  #pastUnderflows = 0;

  constructor(config: PoolConfig, deps: PoolDeps) {
    this.name = config.name;
    this.#config = config;
    this.#deps = deps;
    this.#strategy = createStrategy(config.balance, deps.random);
    this.#byHash = new SourceHash(deps.random);
  }

  get config(): PoolConfig {
    return this.#config;
  }

  /** Too few healthy ones: `down` is not believed for the time being. */
  get isPanicking(): boolean {
    return this.#eligible.name === 'panic';
  }

  /** See Backend.underflows: of all that were ever in this pool. */
  get underflows(): number {
    return this.#everyone().reduce((sum, backend) => sum + backend.underflows, this.#pastUnderflows);
  }

  update(config: PoolConfig, backends: readonly BackendSnapshot[]): void {
    if (config.balance !== this.#config.balance) this.#strategy = createStrategy(config.balance, this.#deps.random);
    this.#config = config;
    this.#match(backends);
    this.#offer();
  }

  /** Of a session pool: whether this worker has a trunk there that takes sessions. */
  setLinked(backend: Backend, isLinked: boolean): void {
    // The last trunk of a pool that a reload has made a relay pool says nothing about its backends.
    if (backend.isLinked === isLinked || this.#config.session === undefined) return;
    backend.isLinked = isLinked;
    this.#offer();
  }

  /** All members, whatever their state. */
  get members(): Iterable<Backend> {
    return this.#members.values();
  }

  setOtherLoads(loads: Readonly<Record<string, number>>): void {
    this.#elsewhere = loads;
    for (const backend of this.#members.values()) backend.setLoadElsewhere(loads[backend.id] ?? 0);
  }

  /** undefined: nobody may take new work, or all who may are excluded. */
  pick(options?: PickOptions): Backend | undefined {
    return this.#strategy.pick(this.#deps.now(), options?.exclude, options?.hashKey);
  }

  /** By the key alone: the same answer in every worker and balancer, for when nobody can be asked. */
  pickByHash(key: string, exclude?: ReadonlySet<Backend>): Backend | undefined {
    return this.#byHash.pick(this.#deps.now(), exclude, key);
  }

  /** A member by its id, whatever its state. */
  find(backendId: string): Backend | undefined {
    return this.#members.get(backendId);
  }

  /** May a request that is bound to this backend still go there? */
  mayKeep(backend: Backend): boolean {
    if (this.#members.get(backend.id) !== backend) return false;
    if (backend.state === 'down') return this.isPanicking && backend.weight > 0;
    return backend.state === 'ready' || backend.state === 'draining';
  }

  /** This worker's own counts, for the report to the supervisor; zeroes left out. */
  loads(): Readonly<Record<string, number>> {
    this.#dropFinished();
    const loads = new Map<string, number>();
    for (const { id, active } of this.#everyone()) if (active > 0) loads.set(id, (loads.get(id) ?? 0) + active);
    return Object.fromEntries(loads);
  }

  /** What happened since the last call. Of members only: nobody acts on the rest. */
  takeOutcomes(): readonly BackendOutcome[] {
    return [...this.#members.values()]
      .map((backend) => backend.takeOutcome())
      .filter((outcome) => outcome !== undefined);
  }

  #match(snapshots: readonly BackendSnapshot[]): void {
    const known = new Map(this.#everyone().map((backend) => [identity(backend), backend]));
    const members = new Map<string, Backend>();
    for (const snapshot of snapshots) {
      const backend =
        known.get(identity(snapshot)) ?? new Backend(this.name, snapshot, this.#config.session === undefined);
      backend.tell(snapshot, this.#config);
      backend.setLoadElsewhere(this.#elsewhere[snapshot.id] ?? 0);
      // A reload may have made a relay pool of it.
      if (this.#config.session === undefined) backend.isLinked = true;
      members.set(snapshot.id, backend);
    }
    this.#members = members;
    this.#leaving = [...known.values()].filter((backend) => members.get(backend.id) !== backend);
    this.#dropFinished();
  }

  /** To the strategies: those that may take new work, and can be reached. */
  #offer(): void {
    this.#eligible = judge([...this.#members.values()], this.#config.panicThreshold);
    const linked = this.#eligible.candidates.filter(({ isLinked }) => isLinked);
    this.#strategy.setCandidates(linked);
    this.#byHash.setCandidates(linked);
  }

  #dropFinished(): void {
    const finished = this.#leaving.filter((backend) => backend.active === 0);
    if (finished.length === 0) return;
    this.#pastUnderflows += finished.reduce((sum, backend) => sum + backend.underflows, 0);
    this.#leaving = this.#leaving.filter((backend) => !finished.includes(backend));
  }

  #everyone(): readonly Backend[] {
    return [...this.#members.values(), ...this.#leaving];
  }
}

/** Neither ids nor origins hold a space. */
function identity(backend: { readonly id: string; readonly url: string }): string {
  return `${backend.id} ${backend.url}`;
}
