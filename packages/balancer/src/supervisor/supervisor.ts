/**
 * The supervisor: builds its parts, starts the fleet, and turns what is asked of it (stop, reload, report) and what
 * happens (a worker listens, dies, is blocked) into one lifecycle. Carries no client traffic, so that a fault here costs no
 * connection. Read this first; each part is in the file of its name.
 */
import type { ChildProcess } from 'node:child_process';
import { EmbeddedStore } from '@holdfast/state';
import type {
  BackendLoads,
  DrainOrders,
  MetricsAsked,
  OperatorAnswer,
  OperatorQuestion,
  TopicAnswer,
  TopicQuestion,
  ToWorker,
} from '@holdfast/worker';
import type { Logger } from 'pino';
import type { BalancerConfig, LoadResult } from '../config/types.js';
import { buildReport } from './build-report.js';
import type { Directory } from './directory.js';
import { DrainProgress } from './drain-progress.js';
import { Fleet } from './fleet.js';
import { type Exit, type Lifecycle, type LifecycleEvent, nextLifecycle } from './lifecycle.js';
import { LoadExchange, type LoadListener } from './loads.js';
import { MetricsRequests } from './metrics-requests.js';
import { Replacement } from './replacement.js';
import { OperatorQuestions, type WorkerAnswer } from './operator-questions.js';
import { ReloadAcks } from './reload-acks.js';
import { Reloader, type ReloadResult } from './reload.js';
import type { ListenAddress, SupervisorReport } from './report.js';
import { Services } from './services.js';
import { SlotTable } from './slots.js';
import { Switchboard } from './switchboard.js';
import { TopicQuestions } from './topic-questions.js';
import { Watchdog, type Watched } from './watchdog.js';
import type { WorkerProcess } from './worker-process.js';

export interface SupervisorOptions {
  readonly config: BalancerConfig;
  /** Loads the configuration file again. */
  readonly load: () => Promise<LoadResult>;
  readonly directory: Directory;
  readonly fork: (workerId: number) => ChildProcess;
  readonly random: () => number;
  readonly log: Logger;
  /** Once, as soon as all workers listen. */
  readonly onReady?: (ready: ReadyReport) => void;
  /** Before anything of the worker is forgotten. */
  readonly onWorkerGone?: (workerId: number) => void;
  /** Between two pings; tests shorten it. @default 1000 */
  readonly watchIntervalMs?: number;
}

export interface ReadyReport {
  readonly listen: readonly ListenAddress[];
  readonly workers: number;
  readonly configVersion: number;
  readonly tookMs: number;
}

export interface AskedWorker {
  readonly workerId: number;
  /** As prom-client's getMetricsAsJSON() gave them; undefined when it did not answer in time. Never rejects. */
  readonly metrics: Promise<readonly object[] | undefined>;
}

/** How long a worker may be late with its drain before it is ended. */
const DRAIN_GRACE_MS = 2000;

export class Supervisor {
  /** Resolves when every worker is gone; never rejects. */
  readonly done: Promise<Exit>;
  readonly #options: SupervisorOptions;
  readonly #log: Logger;
  readonly #store = new EmbeddedStore();
  readonly #loads: LoadExchange;
  readonly #metrics = new MetricsRequests();
  readonly #operator = new OperatorQuestions();
  readonly #topics = new TopicQuestions();
  readonly #reloads = new ReloadAcks();
  readonly #watchdog: Watchdog;
  readonly #switchboard: Switchboard;
  readonly #reloader: Reloader;
  readonly #fleet: Fleet;
  readonly #drains: DrainProgress;
  readonly #replacement: Replacement;
  #graceTimer: NodeJS.Timeout | undefined;
  readonly #startedAt = performance.now();
  #lifecycle: Lifecycle = { name: 'starting' };
  #finish: (exit: Exit) => void = () => undefined;
  #listen: readonly ListenAddress[] = [];
  #isReadyTold = false;
  #blocks = 0;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#log = options.log;
    this.done = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.#drains = new DrainProgress(options.log);
    this.#replacement = this.#createReplacement();
    this.#loads = new LoadExchange(() => this.#loadListeners());
    this.#watchdog = this.#createWatchdog();
    this.#switchboard = this.#createSwitchboard();
    this.#reloader = this.#createReloader();
    this.#fleet = this.#createFleet();
  }

  /** Resolves once the workers are under way, not once they listen. */
  async start(): Promise<void> {
    const { directory, config } = this.#options;
    directory.configure(config.worker.pools);
    directory.onChange = (pools) => this.#fleet.broadcast({ type: 'pools', pools });
    await directory.start();
    // A signal may have come meanwhile: then there is nothing to start.
    if (this.#lifecycle.name !== 'starting') return;
    this.#fleet.start();
    this.#watchdog.start();
  }

  /** What SIGTERM means: the first time drain, the second time stop now. */
  stop(why: string): void {
    if (this.#lifecycle.name !== 'draining') {
      this.drain(why);
      return;
    }
    this.#log.info({ why }, 'stopping at once');
    this.stopNow({ code: 0, reason: `stopped at once: ${why}` });
  }

  /** Readiness fails from here on. Asking again changes nothing. */
  drain(why: string): void {
    const { timeoutMs: deadlineMs, graceMs: configuredMs } = this.#reloader.config.worker.drain;
    if (!this.#become({ type: 'drainAsked', deadline: performance.now() + deadlineMs })) return;
    // Whoever is still starting serves nobody who would have to notice.
    const graceMs = this.#fleet.listening.length > 0 ? configuredMs : 0;
    this.#log.info({ why, graceMs, deadlineMs }, 'draining');
    if (graceMs === 0) void this.#drainFleet();
    else this.#graceTimer = setTimeout(() => void this.#drainFleet(), graceMs);
  }

  /** Every worker gives its place to a new process, one after the other. */
  replaceWorkers(why: string): 'started' | 'running' | 'stopping' {
    if (this.#lifecycle.name !== 'running') return 'stopping';
    return this.#replacement.start(why) ? 'started' : 'running';
  }

  stopNow(exit: Exit): void {
    clearTimeout(this.#graceTimer);
    if (!this.#become({ type: 'stopAsked', exit })) return;
    void this.#killFleet();
  }

  /** Undefined while this balancer stops: there is nothing to reload for. Never rejects. */
  async reload(): Promise<ReloadResult | undefined> {
    const { name } = this.#lifecycle;
    return name === 'starting' || name === 'running' ? this.#reloader.reload() : undefined;
  }

  report(): SupervisorReport {
    return buildReport({
      lifecycle: this.#lifecycle,
      listen: this.#listen,
      reload: this.#reloader.report,
      config: this.#reloader.config,
      fleet: this.#fleet,
      drains: this.#drains,
      replacement: this.#replacement,
      backends: this.#options.directory.report(),
      loads: this.#loads,
      watchdog: this.#watchdog,
      switchboard: this.#switchboard,
      blocks: this.#blocks,
    });
  }

  /** Asks all workers that serve; a draining one still counts what it finishes. */
  askMetrics(asked: MetricsAsked): readonly AskedWorker[] {
    return this.#serving().map((worker) => ({ workerId: worker.id, metrics: this.#metrics.ask(worker, asked) }));
  }

  /** Never rejects. */
  askAll(question: OperatorQuestion): Promise<readonly WorkerAnswer[]> {
    return this.#operator.askAll(this.#serving(), question);
  }

  /** Never rejects. */
  askAny(question: OperatorQuestion): Promise<OperatorAnswer | undefined> {
    return this.#operator.askAny(this.#serving(), question);
  }

  /** In force. */
  get config(): BalancerConfig {
    return this.#reloader.config;
  }

  /** Never rejects. */
  askTopics(question: TopicQuestion): Promise<TopicAnswer> {
    return this.#topics.ask(this.#serving(), question);
  }

  #serving(): readonly WorkerProcess[] {
    return this.#fleet.workers.filter(({ state }) => state.name === 'listening' || state.name === 'draining');
  }

  #createWatchdog(): Watchdog {
    const { log, watchIntervalMs } = this.#options;
    return new Watchdog({
      workers: () => this.#fleet.workers.map((worker) => watched(worker)),
      log,
      onBlocked: () => {
        this.#blocks += 1;
      },
      ...(watchIntervalMs === undefined ? {} : { intervalMs: watchIntervalMs }),
    });
  }

  #createSwitchboard(): Switchboard {
    return new Switchboard({
      loads: this.#loads,
      services: new Services({
        store: this.#store,
        slots: new SlotTable(),
        push: (workerId, push, onTaken) => this.#fleet.find(workerId)?.send(push, onTaken) ?? false,
        log: this.#log,
      }),
      watchdog: this.#watchdog,
      metrics: this.#metrics,
      operator: this.#operator,
      topics: this.#topics,
      reloads: this.#reloads,
      drains: this.#drains,
      recordOutcomes: (outcomes) => this.#options.directory.recordOutcomes(outcomes),
      log: this.#log,
    });
  }

  #createReplacement(): Replacement {
    return new Replacement({
      fleet: () => this.#fleet,
      orders: () => this.#drainOrders(true),
      mayGoOn: () => this.#lifecycle.name === 'running',
      log: this.#log,
    });
  }

  #createReloader(): Reloader {
    const { config, load, log } = this.#options;
    return new Reloader({ initial: config, load, log, apply: (next, version) => this.#applyConfig(next, version) });
  }

  #createFleet(): Fleet {
    const { config, fork, random, log } = this.#options;
    return new Fleet(config.workers, {
      fork,
      random,
      log,
      startMessage: (workerId) => ({ type: 'start', workerId, ...this.#workerConfig() }),
      owner: {
        onListening: (worker) => this.#onListening(worker),
        onMessage: (worker, message) => this.#switchboard.onMessage(worker, message),
        onGone: (worker) => this.#onGone(worker),
      },
    });
  }

  async #applyConfig({ worker }: BalancerConfig, configVersion: number): Promise<void> {
    this.#log.level = worker.logs.level;
    this.#options.directory.configure(worker.pools);
    this.#fleet.broadcast({ type: 'reload', ...this.#workerConfig() });
    const missing = await this.#reloads.wait(
      configVersion,
      this.#fleet.listening.map(({ id }) => id),
    );
    if (missing.length > 0)
      this.#log.warn({ workerIds: missing, configVersion }, 'workers late to take the new config');
  }

  #workerConfig(): Omit<Extract<ToWorker, { type: 'reload' }>, 'type'> {
    const { config, report } = this.#reloader;
    return { configVersion: report.configVersion, config: config.worker, pools: this.#options.directory.snapshot() };
  }

  #onListening(worker: WorkerProcess): void {
    const { state } = worker;
    if (state.name === 'listening') {
      const { listen } = this.#reloader.config.worker;
      this.#listen = listen.map(({ host, port }, index) => ({ host, port: state.ports[index] ?? port }));
    }
    this.#loads.join(worker.id);
    this.#onSlotsChanged();
    this.#tellReady();
  }

  #onGone(worker: WorkerProcess): void {
    this.#options.onWorkerGone?.(worker.id);
    this.#switchboard.forget(worker.id);
    this.#onSlotsChanged();
  }

  #onSlotsChanged(): void {
    const hasChanged = this.#become({ type: 'slotsChanged', slots: this.#fleet.members });
    if (!hasChanged || this.#lifecycle.name !== 'stopping') return;
    this.#log.error({ reason: this.#lifecycle.exit.reason }, 'start failed');
    void this.#killFleet();
  }

  #tellReady(): void {
    const { members: workers, listening } = this.#fleet;
    if (this.#isReadyTold || listening.length < workers.length) return;
    this.#isReadyTold = true;
    const tookMs = Math.round(performance.now() - this.#startedAt);
    const { configVersion } = this.#reloader.report;
    this.#options.onReady?.({ listen: this.#listen, workers: workers.length, configVersion, tookMs });
  }

  #loadListeners(): LoadListener[] {
    return this.#fleet.listening.map((worker) => ({
      id: worker.id,
      sendLoads: (loads: BackendLoads) => !worker.isBehind && worker.send({ type: 'loads', loads }),
    }));
  }

  async #drainFleet(): Promise<void> {
    if (!this.#become({ type: 'graceOver' })) return;
    const startedAt = performance.now();
    const orders = this.#drainOrders(false);
    const late = await this.#fleet.drain(orders, DRAIN_GRACE_MS);
    const { deadlineMs } = orders;
    if (late > 0) this.#log.warn({ workers: late, deadlineMs }, 'workers missed the deadline of the drain: killed');
    const { closed, cut } = this.#drains.counts;
    this.#log.info({ closed, cut, tookMs: Math.round(performance.now() - startedAt) }, 'drained');
    await this.#end();
  }

  /** Of one worker. @param hasSuccessors it is replaced; else all end together. */
  #drainOrders(hasSuccessors: boolean): DrainOrders {
    const { timeoutMs, graceMs, windowMs, closesPerSecond } = this.#reloader.config.worker.drain;
    const sharers = hasSuccessors ? 1 : Math.max(1, this.#fleet.listening.length);
    const rate = closesPerSecond / sharers;
    return { deadlineMs: timeoutMs - graceMs, windowMs, closesPerSecond: rate, hasSuccessors };
  }

  async #killFleet(): Promise<void> {
    await this.#fleet.kill();
    await this.#end();
  }

  async #end(): Promise<void> {
    if (!this.#become({ type: 'emptied' }) || this.#lifecycle.name !== 'stopped') return;
    this.#watchdog.stop();
    this.#loads.close();
    this.#store.close();
    const { directory } = this.#options;
    directory.onChange = undefined;
    await directory.stop().catch((error: unknown) => this.#log.warn({ err: error }, 'pools not stopped cleanly'));
    this.#finish(this.#lifecycle.exit);
  }

  /** False when the event changed nothing. */
  #become(event: LifecycleEvent): boolean {
    const before = this.#lifecycle;
    this.#lifecycle = nextLifecycle(before, event);
    return this.#lifecycle !== before;
  }
}

function watched(worker: WorkerProcess): Watched {
  const { id, pid, state } = worker;
  return {
    id,
    pid,
    state,
    ping: (pingId) => {
      worker.send({ type: 'ping', id: pingId });
    },
    kill: () => worker.kill(),
  };
}
