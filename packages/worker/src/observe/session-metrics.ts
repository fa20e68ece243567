/** Prometheus metrics of sessions and trunks: read from the plain numbers of both when somebody asks. */
import { Counter as PromCounter, Gauge, Histogram, type Registry } from 'prom-client';
import type { RehomeTimes, SessionStats } from '../session/stats.js';
import type { SessionState } from '../session/state.js';
import type { Counter } from './traffic.js';

/** What is read; Sessions is one. */
export interface SessionMetricsSource {
  readonly all: Iterable<{
    readonly isPlain: boolean;
    readonly state: SessionState;
    readonly pool: { readonly name: string };
  }>;
  readonly links: Iterable<LinkFacts>;
  readonly stats: SessionStats;
  /** Sessions whose record is not written. */
  readonly unwritten: number;
  readonly pacingMs: number;
}

export interface LinkFacts {
  readonly pool: { readonly name: string };
  readonly backend: { readonly id: string };
  readonly isUp: boolean;
  readonly rttMs: number | undefined;
  /** Trunks that were lost after they had stood. */
  readonly losses: number;
  readonly traffic: TrunkTraffic;
}

export interface TrunkTraffic {
  readonly framesUp: number;
  readonly framesDown: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

/** Answers what rehomings are timed with. */
export function addSessionMetrics(registry: Registry, worker: string, source: () => SessionMetricsSource): RehomeTimes {
  addGauges(registry, worker, source);
  addTrunkMetrics(registry, worker, source);
  addCounter(registry, 'holdfast_session_entries_total', {
    help: 'Hellos and plain handshakes by how they ended',
    labelNames: ['pool', 'outcome'],
    counter: () => source().stats.entries,
  });
  addCounter(registry, 'holdfast_session_rehomes_total', {
    help: 'Sessions that lost or left their backend while their client was here',
    labelNames: ['pool', 'cause', 'outcome'],
    counter: () => source().stats.rehomes,
  });
  addCounter(registry, 'holdfast_sessions_rebalanced_total', {
    help: 'Sessions sent elsewhere because their balancer, or their backend, had more than its share',
    labelNames: ['from'],
    counter: () => source().stats.rebalanced,
  });
  const times = new Histogram({
    name: 'holdfast_session_rehome_duration_seconds',
    help: 'From the loss of a backend, or from the request to hand over, to the answer of the next one',
    labelNames: ['pool', 'cause'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30],
    registers: [registry],
  });
  return { observe: ({ pool, cause }, seconds) => times.observe({ pool, cause }, seconds) };
}

function addGauges(registry: Registry, worker: string, source: () => SessionMetricsSource): void {
  const sessions: Gauge = new Gauge({
    name: 'holdfast_sessions',
    help: 'Sessions whose client is connected here',
    labelNames: ['pool', 'kind', 'state', 'worker'],
    registers: [registry],
    collect: () => {
      sessions.reset();
      for (const { pool, isPlain, state } of source().all) {
        sessions.inc({ pool: pool.name, kind: isPlain ? 'plain' : 'sdk', state, worker });
      }
    },
  });
  const unwritten: Gauge = new Gauge({
    name: 'holdfast_sessions_unwritten',
    help: 'Sessions that shared state does not know yet',
    labelNames: ['worker'],
    registers: [registry],
    collect: () => unwritten.set({ worker }, source().unwritten),
  });
  const pacing: Gauge = new Gauge({
    name: 'holdfast_pacing_window_seconds',
    help: 'Over how long clients would spread their return if this machine died now',
    labelNames: ['worker'],
    registers: [registry],
    collect: () => pacing.set({ worker }, source().pacingMs / 1000),
  });
}

function addTrunkMetrics(registry: Registry, worker: string, source: () => SessionMetricsSource): void {
  const gauge = (name: string, help: string, value: (link: LinkFacts) => number | undefined): void => {
    const metric: Gauge = new Gauge({
      name,
      help,
      labelNames: ['pool', 'backend', 'worker'],
      registers: [registry],
      collect: () => {
        metric.reset();
        for (const link of source().links) {
          const labels = { pool: link.pool.name, backend: link.backend.id, worker };
          const now = value(link);
          if (now !== undefined) metric.set(labels, now);
        }
      },
    });
  };
  gauge('holdfast_trunk_up', '1 while a trunk to the backend takes sessions', ({ isUp }) => (isUp ? 1 : 0));
  gauge('holdfast_trunk_rtt_seconds', 'Round trip of the last ping on the trunk', ({ rttMs }) => rttMs && rttMs / 1000);
  const counter = (name: string, help: string, values: Readonly<Record<string, (link: LinkFacts) => number>>): void => {
    const metric: PromCounter = new PromCounter({
      name,
      help,
      labelNames: ['pool', 'backend', ...(Object.keys(values).length > 1 ? ['direction'] : [])],
      registers: [registry],
      collect: () => {
        metric.reset();
        for (const link of source().links) addDirections(metric, link, values);
      },
    });
  };
  counter('holdfast_trunk_losses_total', 'Trunks lost after they had stood', { '': ({ losses }) => losses });
  counter('holdfast_trunk_frames_total', 'Frames on trunks', {
    up: ({ traffic }) => traffic.framesUp,
    down: ({ traffic }) => traffic.framesDown,
  });
  counter('holdfast_trunk_bytes_total', 'Bytes of batches on trunks', {
    up: ({ traffic }) => traffic.bytesUp,
    down: ({ traffic }) => traffic.bytesDown,
  });
}

/** '' stands for a metric without directions. */
function addDirections(
  metric: PromCounter,
  link: LinkFacts,
  values: Readonly<Record<string, (link: LinkFacts) => number>>,
): void {
  const labels = { pool: link.pool.name, backend: link.backend.id };
  for (const [direction, value] of Object.entries(values)) {
    metric.inc(direction === '' ? labels : { ...labels, direction }, value(link));
  }
}

function addCounter(
  registry: Registry,
  name: string,
  { help, labelNames, counter }: { help: string; labelNames: string[]; counter: () => Counter },
): void {
  const metric: PromCounter = new PromCounter({
    name,
    help,
    labelNames,
    registers: [registry],
    collect: () => {
      metric.reset();
      for (const { labels, value } of counter().entries()) metric.inc(labels, value);
    },
  });
}
