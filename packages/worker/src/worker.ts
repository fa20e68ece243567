/**
 * The life of a worker: it listens, takes what the supervisor sends, and stops in order. Read this first; what it is
 * built of is in worker-parts.ts, what it tells of itself in worker-reports.ts.
 */
import { createCookieSigner } from './affinity/cookie.js';
import type { WorkerConfig } from './config.js';
import type { PoolsSnapshot } from './control/messages.js';
import type { ToWorkerOf } from './control/supervisor-channel.js';
import type { DrainReport } from './drain/drain.js';
import { leave } from './drain/leaving.js';
import type { DrainOrders } from './drain/orders.js';
import { type WorkerDeps, WorkerParts } from './worker-parts.js';
import type { WorkerReports } from './worker-reports.js';

/** Whether backends that drain have had their time. */
const LOOK_AT_BACKENDS_MS = 500;
/** Shared state that has not answered by then will not keep a worker from listening. */
const STATE_WAIT_MS = 1_000;

export class Worker {
  readonly #deps: WorkerDeps;
  readonly #parts: WorkerParts;
  readonly #backendDrainTimer: NodeJS.Timeout;

  constructor(start: ToWorkerOf<'start'>, deps: WorkerDeps) {
    this.#deps = deps;
    this.#parts = new WorkerParts(start, deps);
    const { backendDrains } = this.#parts;
    this.#backendDrainTimer = setInterval(() => backendDrains.look(performance.now()), LOOK_AT_BACKENDS_MS).unref();
  }

  get reports(): WorkerReports {
    return this.#parts.reports;
  }

  /** Resolves with the bound ports, in the order of `config.listen`. */
  async listen(): Promise<readonly number[]> {
    await this.#untilStateAnswers();
    await this.#parts.sessions.join();
    return this.#parts.listeners.listen(this.#deps.sharedSockets);
  }

  /** For what comes from now on; open connections keep what they were opened with. */
  async reload(config: WorkerConfig, pools: PoolsSnapshot): Promise<void> {
    const { affinity, door, verifier, listeners } = this.#parts;
    this.#parts.config = config;
    this.updatePools(pools);
    affinity.signer = createCookieSigner(config.secrets);
    door.reload(config);
    verifier.retain(config.routes);
    listeners.setBounds(config.routes);
    this.#deps.log.level = config.logs.level;
    // Last: whoever asked for the reload is told when no connection gets the old certificates any more.
    for (const err of await listeners.takeTls(config.listen)) {
      this.#deps.log.error({ err }, 'new TLS settings not taken: the old ones stay');
    }
  }

  updatePools(snapshot: PoolsSnapshot): void {
    const { config, pools, sessions, upstreams } = this.#parts;
    pools.update(config.pools, snapshot);
    sessions.update(this.#parts.sessionSettings());
    upstreams.retain([...pools.all].flatMap(({ members }) => [...members]));
  }

  setOtherLoads({ loads }: ToWorkerOf<'loads'>): void {
    this.#parts.pools.setOtherLoads(loads);
  }

  /** Stops taking connections, sends the open ones away, and lets go of everything. */
  async stop(orders: DrainOrders): Promise<DrainReport> {
    const { links, sessions, door, listeners, reports } = this.#parts;
    await listeners.stopListening();
    door.leave();
    const onProgress = (left: number): void => reports.sayDraining(left);
    const report = await leave({ links, sessions, pending: () => this.#pending(), onProgress }, orders);
    door.shut();
    await this.#letGo();
    return report;
  }

  async #letGo(): Promise<void> {
    const { reports, backendDrains, keepAlive, overload, sessions, listeners, upstreams, verifier, state } =
      this.#parts;
    reports.stop();
    clearInterval(this.#backendDrainTimer);
    backendDrains.close();
    keepAlive.stop();
    overload.stop();
    await sessions.topics.told();
    sessions.close();
    listeners.close();
    await upstreams.close();
    await verifier.close();
    await state.close();
  }

  /** The first clients should find the map that the other balancers know; they are not kept waiting for it. */
  async #untilStateAnswers(): Promise<void> {
    const endsAt = performance.now() + STATE_WAIT_MS;
    while (this.#parts.state.health.status !== 'ok' && performance.now() < endsAt) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Requests and handshakes that are not answered yet. */
  #pending(): number {
    const { door, traffic } = this.#parts;
    let inFlight = door.handshakesInFlight;
    for (const { httpInFlight } of traffic.counts.values()) inFlight += httpInFlight;
    return inFlight;
  }
}
