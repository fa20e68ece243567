/**
 * Metrics as data: the form of prom-client's getMetricsAsJSON(), in which they cross the IPC channel and are merged. What
 * arrives is checked here, since a merge that throws would cost the metrics of every process.
 */

export interface MetricValue {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  /** Of a part of a histogram: `…_bucket`, `…_sum`, `…_count`. */
  readonly metricName?: string;
}

export type MetricType = 'counter' | 'gauge' | 'histogram' | 'summary';

export interface MetricJson {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  /** How values of several processes with equal labels become one. */
  readonly aggregator: string;
  readonly values: readonly MetricValue[];
}

const TYPES: ReadonlySet<unknown> = new Set(['counter', 'gauge', 'histogram', 'summary']);
const AGGREGATORS: ReadonlySet<unknown> = new Set(['sum', 'first', 'omit', 'average', 'min', 'max']);
const NAME = /^[a-zA-Z_:][\w:]*$/;

/** Those of the list that are metrics; a value that is none is left out. */
export function readMetrics(list: readonly object[]): MetricJson[] {
  return list.flatMap((raw) => readMetric(raw as Readonly<Record<string, unknown>>) ?? []);
}

function readMetric(raw: Readonly<Record<string, unknown>>): MetricJson | undefined {
  const { name, help, type, aggregator, values } = raw;
  if (typeof name !== 'string' || !NAME.test(name) || typeof help !== 'string') return undefined;
  if (!TYPES.has(type) || !AGGREGATORS.has(aggregator) || !Array.isArray(values)) return undefined;
  return {
    name,
    help,
    type: type as MetricType,
    aggregator: aggregator as string,
    values: values.filter((value: unknown) => isMetricValue(value)),
  };
}

function isMetricValue(value: unknown): value is MetricValue {
  if (typeof value !== 'object' || value === null) return false;
  const { value: number, labels, metricName } = value as Readonly<Record<string, unknown>>;
  const isNamed = metricName === undefined || (typeof metricName === 'string' && NAME.test(metricName));
  return typeof number === 'number' && isNamed && isLabels(labels);
}

function isLabels(labels: unknown): boolean {
  if (typeof labels !== 'object' || labels === null) return false;
  return Object.values(labels).every((label) => typeof label === 'string' || typeof label === 'number');
}
