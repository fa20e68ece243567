/**
 * All pools of a worker by name: follows configuration and snapshots as they come from the supervisor, and gathers
 * the reports that go back. A pool keeps its identity over reloads, so that counts survive them.
 */
import type { PoolConfig } from '../config.js';
import type { BackendLoads, BackendOutcome, PoolsSnapshot } from '../control/messages.js';
import { Pool, type PoolDeps } from './pool.js';

export class Pools {
  readonly #deps: PoolDeps;
  #pools: ReadonlyMap<string, Pool> = new Map();

  constructor(deps: PoolDeps) {
    this.#deps = deps;
  }

  /** Names of pools, in the order of the configuration. */
  get names(): readonly string[] {
    return [...this.#pools.keys()];
  }

  /** See Backend.underflows. */
  get underflows(): number {
    return [...this.#pools.values()].reduce((sum, pool) => sum + pool.underflows, 0);
  }

  update(configs: Readonly<Record<string, PoolConfig>>, snapshot: PoolsSnapshot): void {
    const pools = new Map<string, Pool>();
    for (const [name, config] of Object.entries(configs)) {
      const pool = this.#pools.get(name) ?? new Pool(config, this.#deps);
      pool.update(config, Object.hasOwn(snapshot, name) ? (snapshot[name] ?? []) : []);
      pools.set(name, pool);
    }
    this.#pools = pools;
  }

  get all(): Iterable<Pool> {
    return this.#pools.values();
  }

  get(name: string): Pool | undefined {
    return this.#pools.get(name);
  }

  setOtherLoads(loads: BackendLoads): void {
    for (const [name, pool] of this.#pools) pool.setOtherLoads(loads[name] ?? {});
  }

  /** Own counts by pool and backend; pools with nothing in flight left out. */
  loads(): BackendLoads {
    const loads = [...this.#pools].map(([name, pool]) => [name, pool.loads()] as const);
    return Object.fromEntries(loads.filter(([, own]) => Object.keys(own).length > 0));
  }

  takeOutcomes(): readonly BackendOutcome[] {
    return [...this.#pools.values()].flatMap((pool) => pool.takeOutcomes());
  }
}
