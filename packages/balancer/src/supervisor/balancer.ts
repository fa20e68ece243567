/**
 * The whole control plane put together: directory, supervisor, metrics, admin server. Built in this order, started with
 * the admin server first (a taken port must show before any worker starts, and probes must answer while they start), and
 * ended with it last, so that readiness says `draining` to the end.
 */
import type { Logger } from 'pino';
import { Metrics } from '../admin/metrics.js';
import { type AdminServer, startAdminServer } from '../admin/server.js';
import type { BalancerConfig, LoadResult } from '../config/types.js';
import { PoolDirectory } from '../pools/directory.js';
import { forkWorker } from './fork-worker.js';
import type { Exit } from './lifecycle.js';
import { type ReadyReport, Supervisor } from './supervisor.js';
import { SharedSockets } from './shared-sockets.js';
import { VERSION } from './version.js';

export interface BalancerOptions {
  readonly config: BalancerConfig;
  /** The configuration file, to be shown. */
  readonly file: string;
  readonly load: () => Promise<LoadResult>;
  readonly log: Logger;
  /** Environment of the workers. */
  readonly env: NodeJS.ProcessEnv;
  readonly random: () => number;
  /** @default the worker package's */
  readonly workerEntry?: string | undefined;
}

export class Balancer {
  readonly #options: BalancerOptions;
  readonly #log: Logger;
  readonly #directory: PoolDirectory;
  readonly #supervisor: Supervisor;
  readonly #metrics: Metrics;
  readonly #sockets = new SharedSockets();
  #admin: AdminServer | undefined;

  constructor(options: BalancerOptions) {
    const { log, random, config, load, env, workerEntry } = options;
    this.#options = options;
    this.#log = log;
    this.#directory = new PoolDirectory({ random, now: Date.now, log });
    this.#supervisor = new Supervisor({
      config,
      load,
      directory: this.#directory,
      fork: () => {
        const sharedSockets = this.#sockets.descriptors;
        return forkWorker({ env, sharedSockets, ...(workerEntry === undefined ? {} : { entry: workerEntry }) });
      },
      random,
      log,
      onReady: (ready) => this.#onReady(ready),
      onWorkerGone: (workerId) => this.#metrics.onWorkerGone(workerId),
    });
    this.#metrics = new Metrics({
      source: this.#supervisor,
      build: { version: VERSION, node: process.version },
      log,
    });
  }

  /** From start to end; never rejects. */
  async run(): Promise<Exit> {
    await this.#start();
    const exit = await this.#supervisor.done;
    this.#metrics.stop();
    await this.#admin?.close().catch((error: unknown) => this.#log.warn({ err: error }, 'admin not closed cleanly'));
    return exit;
  }

  /** The first time drain, the second time stop now. */
  stop(why: string): void {
    this.#sockets.close();
    this.#supervisor.stop(why);
  }

  reload(): void {
    // Never rejects, and has logged whatever there was to say.
    void this.#supervisor.reload();
  }

  /** Something in this process is broken beyond what was foreseen: it ends, and whoever runs it starts another. */
  fail(error: unknown): void {
    this.#log.fatal({ err: error }, 'internal error');
    this.#supervisor.stopNow({ code: 70, reason: `internal error: ${messageOf(error)}` });
  }

  async #start(): Promise<void> {
    try {
      await this.#startAdmin();
      await this.#sockets.open(this.#options.config.worker.listen);
    } catch (error) {
      this.#log.error({ reason: messageOf(error) }, 'start failed');
      this.#supervisor.stopNow({ code: 1, reason: messageOf(error) });
      return;
    }
    try {
      this.#metrics.start();
      await this.#supervisor.start();
    } catch (error) {
      this.fail(error);
    }
  }

  async #startAdmin(): Promise<void> {
    const { config, file, log } = this.#options;
    if (config.admin === undefined) return;
    const supervisor = this.#supervisor;
    this.#admin = await startAdminServer(config.admin, {
      control: {
        report: () => supervisor.report(),
        setOverride: (id, change) => this.#directory.setOverride(id, change),
        reload: () => supervisor.reload(),
        drain: (why) => {
          this.#sockets.close();
          supervisor.drain(why);
        },
        replaceWorkers: (why) => supervisor.replaceWorkers(why),
        metrics: () => this.#metrics.render(),
        askAll: (question) => supervisor.askAll(question),
        askAny: (question) => supervisor.askAny(question),
        config: () => supervisor.config,
        topics: (question) => supervisor.askTopics(question),
      },
      identity: { version: VERSION, file },
      log,
    });
  }

  #onReady({ listen, workers, configVersion, tookMs }: ReadyReport): void {
    const admin = this.#admin === undefined ? null : { host: this.#admin.host, port: this.#admin.port };
    this.#log.info({ listen, admin, workers, configVersion, tookMs }, 'ready');
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
