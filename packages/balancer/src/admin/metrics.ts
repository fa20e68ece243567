/**
 * /metrics of the whole machine: each worker's, merged, and the supervisor's own. Gauges of workers carry a `worker` label, so
 * merging leaves them apart; counters and histograms with equal labels are summed (prom-client's `sum`, its default).
 * A worker that does not answer within a second is left out, except for what it had counted before (counter-memory.ts).
 */
import { addProcessMetrics, type MetricsAsked } from '@holdfast/worker';
import { AggregatorRegistry, Registry } from 'prom-client';
import type { Logger } from 'pino';
import type { SupervisorReport } from '../supervisor/report.js';
import type { AskedWorker } from '../supervisor/supervisor.js';
import { CounterMemory } from './counter-memory.js';
import { type MetricJson, readMetrics } from './metric-json.js';
import { type BuildInfo, ownMetrics } from './own-metrics.js';

interface MetricsSource {
  report(): SupervisorReport;
  askMetrics(asked: MetricsAsked): readonly AskedWorker[];
}

export interface MetricsDeps {
  readonly source: MetricsSource;
  readonly build: BuildInfo;
  readonly log: Logger;
}

/** How much of a worker's counts is lost at most when it dies. */
const REMEMBER_EVERY_MS = 5000;

export class Metrics {
  readonly contentType: string = Registry.PROMETHEUS_CONTENT_TYPE;
  readonly #deps: MetricsDeps;
  readonly #memory = new CounterMemory();
  readonly #process = new Registry();
  /** Of each collection under way: the workers that have gone since it began. */
  readonly #underWay = new Set<Set<number>>();
  #unanswered = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: MetricsDeps) {
    this.#deps = deps;
    addProcessMetrics(this.#process, 'holdfast_supervisor_', {});
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.#refresh(), REMEMBER_EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#process.clear();
  }

  onWorkerGone(workerId: number): void {
    this.#memory.depart(workerId);
    for (const gone of this.#underWay) gone.add(workerId);
  }

  /** In the text format of Prometheus. */
  async render(): Promise<string> {
    const workers = await this.#collect('all');
    const { source, build } = this.#deps;
    const own = [...ownMetrics(source.report(), build), this.#unansweredMetric()];
    const ownNames = new Set(own.map(({ name }) => name));
    const theirs = [...workers.values(), this.#memory.departed()].map((metrics) =>
      metrics.filter(({ name }) => !ownNames.has(name)),
    );
    const process = readMetrics(await this.#process.getMetricsAsJSON());
    return AggregatorRegistry.aggregate([own, ...theirs, process]).metrics();
  }

  /** By worker. A worker that dies meanwhile drops out: what it counted has moved to the departed by then. */
  async #collect(what: MetricsAsked): Promise<ReadonlyMap<number, readonly MetricJson[]>> {
    const answers = new Map<number, readonly MetricJson[]>();
    const gone = new Set<number>();
    this.#underWay.add(gone);
    const asked = this.#deps.source.askMetrics(what);
    await Promise.all(
      asked.map(async ({ workerId, metrics }) => {
        const answer = await metrics;
        if (!gone.has(workerId)) answers.set(workerId, this.#onAnswer(workerId, answer));
      }),
    );
    this.#underWay.delete(gone);
    for (const workerId of gone) answers.delete(workerId);
    return answers;
  }

  #onAnswer(workerId: number, metrics: readonly object[] | undefined): readonly MetricJson[] {
    if (metrics === undefined) {
      this.#unanswered += 1;
      return this.#memory.lastKnown(workerId);
    }
    const read = readMetrics(metrics);
    this.#memory.remember(workerId, read);
    return read;
  }

  async #refresh(): Promise<void> {
    try {
      await this.#collect('counts');
    } catch (error) {
      this.#deps.log.warn({ err: error }, 'metrics of workers not collected');
    }
  }

  #unansweredMetric(): MetricJson {
    return {
      name: 'holdfast_worker_metrics_unanswered_total',
      help: 'Times that a worker did not give its metrics within 1 s.',
      type: 'counter',
      aggregator: 'first',
      values: [{ value: this.#unanswered, labels: {} }],
    };
  }
}
