/** Prometheus metrics of topics: read from the plain numbers of topic-stats.ts when somebody asks. */
import { Counter as PromCounter, Gauge, Histogram, type Registry } from 'prom-client';
import type { TopicStats } from './topic-stats.js';

/** What is read; Topics is one. */
export interface TopicMetricsSource {
  readonly stats: TopicStats;
  /** Topics that clients of this worker are on. */
  readonly size: number;
}

type Values = readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];

/** Answers what the lag of deliveries is observed with. */
export function addTopicMetrics(
  registry: Registry,
  worker: string,
  source: () => TopicMetricsSource,
): (seconds: number) => void {
  const topics: Gauge = new Gauge({
    name: 'holdfast_topics',
    help: 'Topics that clients of this worker are on, and those that they left a moment ago',
    labelNames: ['worker'],
    registers: [registry],
    collect: () => topics.set({ worker }, source().size),
  });
  for (const { name, help, labelNames, values } of COUNTERS) {
    const metric: PromCounter = new PromCounter({
      name,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      collect: () => {
        metric.reset();
        for (const { labels, value } of values(source().stats)) metric.inc(labels, value);
      },
    });
  }
  const lag = new Histogram({
    name: 'holdfast_topic_delivery_lag_seconds',
    help: "From a publish, by the store's clock, to its delivery here, by this machine's; one message per topic and turn",
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [registry],
  });
  return (seconds) => lag.observe(seconds);
}

const COUNTERS: readonly {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly values: (stats: TopicStats) => Values;
}[] = [
  {
    name: 'holdfast_topic_published_total',
    help: 'Messages that were published to topics, or not, by who wanted to',
    labelNames: ['source', 'outcome'],
    values: ({ published }) => [...published.entries()],
  },
  {
    name: 'holdfast_topic_delivered_total',
    help: 'Messages of topics given to clients: messages times clients',
    labelNames: ['audience'],
    values: ({ delivered }) => valuesOf('audience', delivered),
  },
  {
    name: 'holdfast_topic_dropped_total',
    help: 'Clients that were sent no more of their topics because they read too slowly',
    labelNames: [],
    values: ({ dropped }) => [{ labels: {}, value: dropped }],
  },
  {
    name: 'holdfast_topic_repaired_total',
    help: 'Gaps in what the bus brought, and whether the missing messages could be read',
    labelNames: ['outcome'],
    values: ({ repairs }) => valuesOf('outcome', repairs),
  },
  {
    name: 'holdfast_topic_recovered_total',
    help: 'Clients that came back to a topic with a position, and whether nothing is missing for them',
    labelNames: ['recovered'],
    values: ({ recoveries }) => valuesOf('recovered', { true: recoveries.recovered, false: recoveries.lost }),
  },
  {
    name: 'holdfast_topic_range_reads_total',
    help: 'Ranges of messages read from shared state, for gaps and for clients that came back',
    labelNames: [],
    values: ({ rangeReads }) => [{ labels: {}, value: rangeReads }],
  },
];

function valuesOf(label: string, values: Readonly<Record<string, number>>): Values {
  return Object.entries(values).map(([key, value]) => ({ labels: { [label]: key }, value }));
}
