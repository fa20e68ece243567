/**
 * Keeps counters from falling. A worker takes its counters along when it dies, and one that is blocked cannot tell them;
 * a sum over the workers that answer would drop, and Prometheus would take the drop for a restart and count everything
 * again. So the last known counters and histograms of a silent worker stand in for it, and those of a dead one are
 * added up and kept. What a worker counted after it was last asked is lost: it is asked every few seconds for that reason.
 *
 * A worker that forgets a series (its backend left long ago) is as one that died, for that series: what it had counted is
 * kept as long as another one still tells it. When the last one forgets it, all of it goes: a series that ends is no drop.
 */
import type { MetricJson, MetricValue } from './metric-json.js';

export interface CounterMemoryOptions {
  /** Series kept of dead workers; beyond it, new ones are dropped. @default 20_000 */
  readonly maxSeries?: number;
}

const DEFAULT_MAX_SERIES = 20_000;

interface Sum {
  readonly metric: MetricJson;
  readonly values: Map<string, MetricValue>;
}

export class CounterMemory {
  readonly #maxSeries: number;
  readonly #lastKnown = new Map<number, readonly MetricJson[]>();
  readonly #departed = new Map<string, Sum>();
  #series = 0;

  constructor(options: CounterMemoryOptions = {}) {
    this.#maxSeries = options.maxSeries ?? DEFAULT_MAX_SERIES;
  }

  /** What a live worker just told. */
  remember(workerId: number, metrics: readonly MetricJson[]): void {
    const before = this.lastKnown(workerId);
    this.#lastKnown.set(workerId, metrics.filter(onlyGrows));
    this.#onForgotten(workerId, before);
  }

  /** Stands in for a live worker that does not answer. */
  lastKnown(workerId: number): readonly MetricJson[] {
    return this.#lastKnown.get(workerId) ?? [];
  }

  /** The worker's process is gone: what it counted is kept, and another process starts from 0. */
  depart(workerId: number): void {
    for (const metric of this.lastKnown(workerId)) this.#add(metric);
    this.#lastKnown.delete(workerId);
  }

  /** Sums over all processes that are gone. */
  departed(): readonly MetricJson[] {
    return [...this.#departed.values()].map(({ metric, values }) => ({ ...metric, values: [...values.values()] }));
  }

  #onForgotten(workerId: number, before: readonly MetricJson[]): void {
    const told = seriesOf(this.lastKnown(workerId));
    let others: ReadonlySet<string> | undefined;
    for (const metric of before) {
      const forgotten = metric.values.filter((value) => !told.has(seriesKey(value, metric.name)));
      if (forgotten.length === 0) continue;
      others ??= seriesOf([...this.#lastKnown.values()].flat());
      const known = others;
      this.#add({ ...metric, values: forgotten.filter((value) => known.has(seriesKey(value, metric.name))) });
      this.#drop({ ...metric, values: forgotten.filter((value) => !known.has(seriesKey(value, metric.name))) });
    }
  }

  #add(metric: MetricJson): void {
    const sum = this.#departed.get(metric.name) ?? { metric, values: new Map<string, MetricValue>() };
    this.#departed.set(metric.name, sum);
    for (const value of metric.values) this.#addValue(sum, value);
  }

  #drop({ name, values }: MetricJson): void {
    const sum = this.#departed.get(name);
    for (const value of values) if (sum?.values.delete(seriesKey(value, name)) === true) this.#series -= 1;
  }

  #addValue({ metric, values }: Sum, value: MetricValue): void {
    const key = seriesKey(value, metric.name);
    const known = values.get(key);
    if (known === undefined && this.#series >= this.#maxSeries) return;
    if (known === undefined) this.#series += 1;
    values.set(key, { ...value, value: value.value + (known?.value ?? 0) });
  }
}

function onlyGrows({ type, aggregator }: MetricJson): boolean {
  return (type === 'counter' || type === 'histogram') && aggregator === 'sum';
}

function seriesOf(metrics: readonly MetricJson[]): ReadonlySet<string> {
  return new Set(metrics.flatMap(({ name, values }) => values.map((value) => seriesKey(value, name))));
}

function seriesKey({ metricName, labels }: MetricValue, name: string): string {
  return JSON.stringify([metricName ?? name, Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))]);
}
