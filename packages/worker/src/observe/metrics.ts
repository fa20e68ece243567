/**
 * The worker's Prometheus metrics: read from the plain counts of traffic.ts when the supervisor asks, which adds up
 * all workers. Gauges carry the worker's id, counters do not need it.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter as PromCounter, Gauge, Histogram, Registry } from 'prom-client';
import type { ClientSockets } from '../listener/client-sockets.js';
import { addProcessMetrics } from './process-metrics.js';
import type { RequestTimes } from './request-times.js';
import type { RehomeTimes } from '../session/stats.js';
import { addTopicMetrics, type TopicMetricsSource } from '../topic/topic-metrics.js';
import { addCapacityMetrics, type CapacityFacts } from './capacity-metrics.js';
import { addSessionMetrics, type SessionMetricsSource } from './session-metrics.js';
import { addSocketMetrics } from './socket-metrics.js';
import type { MetricsAsked } from '../control/messages.js';
import type { Counter, IsMember, Traffic, TrafficCounts } from './traffic.js';

export interface MetricsSources {
  readonly workerId: number;
  readonly traffic: Traffic;
  /** Is the backend in its pool now? */
  readonly isMember: IsMember;
  /** Bytes that wait for slow peers right now. */
  readonly bufferedBytes: () => { readonly down: number; readonly up: number };
  readonly isStateOk: () => boolean;
  /** Releases without an acquire; not 0 means a fault of ours. */
  readonly underflows: () => number;
  readonly sessions: () => SessionMetricsSource;
  readonly topics: () => TopicMetricsSource;
  readonly capacity: () => CapacityFacts;
  readonly sockets: () => ClientSockets;
}

export interface WorkerMetrics {
  readonly requestTimes: RequestTimes;
  readonly rehomeTimes: RehomeTimes;
  /** In seconds. */
  readonly observeTopicLag: (seconds: number) => void;
  readonly onStateCall: (operation: string, outcome: 'ok' | 'error', tookMs: number) => void;
  /** Longest delay of the event loop since the last call. */
  eventLoopLagMs(): number;
  collect(asked: MetricsAsked): Promise<readonly object[]>;
}

/** Longer would hide short stalls; each time it wakes a process that may have nothing else to do. */
const LOOP_RESOLUTION_MS = 50;

export function createWorkerMetrics(sources: MetricsSources): WorkerMetrics {
  const registry = new Registry();
  const worker = String(sources.workerId);
  addProcessMetrics(registry, 'holdfast_worker_', { worker });
  addTrafficMetrics(registry, worker, sources.traffic);
  addResultMetrics(registry, sources.traffic);
  const rehomeTimes = addSessionMetrics(registry, worker, sources.sessions);
  const observeTopicLag = addTopicMetrics(registry, worker, sources.topics);
  addCapacityMetrics(registry, worker, sources.capacity);
  addSocketMetrics(registry, worker, sources.sockets);
  const loop = addGauges(registry, worker, sources);
  const requests = new Histogram({
    name: 'holdfast_http_request_duration_seconds',
    help: 'From the head of an HTTP request to the end of its answer; WebSockets are not in here',
    labelNames: ['route'],
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60],
    registers: [registry],
  });
  const stateCalls = new Histogram({
    name: 'holdfast_shared_state_call_duration_seconds',
    help: 'Calls to shared state',
    labelNames: ['operation', 'outcome'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
    registers: [registry],
  });
  return {
    requestTimes: { observe: (route, seconds) => requests.observe({ route }, seconds) },
    rehomeTimes,
    observeTopicLag,
    onStateCall: (operation, outcome, tookMs) => stateCalls.observe({ operation, outcome }, tookMs / 1000),
    eventLoopLagMs: loop,
    collect: (asked) => {
      sources.traffic.prune(sources.isMember, performance.now());
      return asked === 'all' ? registry.getMetricsAsJSON() : collectCounts(registry);
    },
  };
}

/** Gauges look at every connection when they are asked. */
function collectCounts(registry: Registry): Promise<readonly object[]> {
  const metrics = registry.getMetricsAsArray().map(({ name }) => registry.getSingleMetric(name));
  const counts = metrics.filter((metric) => metric instanceof PromCounter || metric instanceof Histogram);
  return Promise.all(counts.map((metric) => metric.get()));
}

type CountOf = (counts: TrafficCounts) => number;

function addTrafficMetrics(registry: Registry, worker: string, traffic: Traffic): void {
  const labels = ({ route, pool, backend }: TrafficCounts): Record<string, string> => ({ route, pool, backend });
  const gauge = (name: string, help: string, value: CountOf): void => {
    const metric = new Gauge({
      name,
      help,
      labelNames: ['route', 'pool', 'backend', 'worker'],
      registers: [registry],
      collect: () => {
        metric.reset();
        for (const counts of traffic.counts.values()) metric.set({ ...labels(counts), worker }, value(counts));
      },
    });
  };
  /** Of each entry as many series as `values`, told apart by the label. */
  const counter = (name: string, help: string, label: string, values: Readonly<Record<string, CountOf>>): void => {
    const metric = new PromCounter({
      name,
      help,
      labelNames: ['route', 'pool', 'backend', label],
      registers: [registry],
      collect: () => {
        metric.reset();
        for (const counts of traffic.counts.values()) {
          for (const [key, value] of Object.entries(values)) {
            metric.inc({ ...labels(counts), [label]: key }, value(counts));
          }
        }
      },
    });
  };
  gauge('holdfast_connections_open', 'Open WebSockets of clients', ({ open }) => open);
  gauge('holdfast_http_requests_in_flight', 'HTTP requests being answered', ({ httpInFlight }) => httpInFlight);
  counter('holdfast_connections_total', 'WebSockets of clients that were opened', 'worker', {
    [worker]: ({ total }) => total,
  });
  counter('holdfast_messages_total', 'WebSocket messages; up is towards the backend', 'direction', {
    up: ({ messagesUp }) => messagesUp,
    down: ({ messagesDown }) => messagesDown,
  });
  counter(
    'holdfast_messages_lost_total',
    'WebSocket messages that a backend had not taken when its connection ended',
    'direction',
    { up: ({ messagesLost }) => messagesLost },
  );
  counter('holdfast_message_bytes_total', 'Payload of WebSocket messages', 'direction', {
    up: ({ bytesUp }) => bytesUp,
    down: ({ bytesDown }) => bytesDown,
  });
  counter('holdfast_http_body_bytes_total', 'Bodies of HTTP requests (up) and answers (down)', 'direction', {
    up: ({ httpBytesUp }) => httpBytesUp,
    down: ({ httpBytesDown }) => httpBytesDown,
  });
}

function addResultMetrics(registry: Registry, traffic: Traffic): void {
  const counter = (name: string, help: string, labelNames: string[], source: Counter): void => {
    const metric = new PromCounter({
      name,
      help,
      labelNames,
      registers: [registry],
      collect: () => {
        metric.reset();
        for (const { labels, value } of source.entries()) metric.inc(labels, value);
      },
    });
  };
  counter(
    'holdfast_handshakes_total',
    'WebSocket handshakes by how they were answered',
    ['route', 'result'],
    traffic.handshakes,
  );
  counter(
    'holdfast_closes_total',
    'Ended WebSockets by close code and who ended them',
    ['route', 'code', 'side'],
    traffic.closes,
  );
  counter(
    'holdfast_http_requests_total',
    'HTTP requests by status; 0: the client left',
    ['route', 'backend', 'status'],
    traffic.requests,
  );
  counter(
    'holdfast_bound_hits_total',
    'A bound was reached; the documents say what happens at each',
    ['bound'],
    traffic.bounds,
  );
}

/** Returns the reader of the event loop's delay, which the heartbeat to the supervisor shares. */
function addGauges(registry: Registry, worker: string, sources: MetricsSources): () => number {
  const delay = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  delay.enable();
  let lastLagMs = 0;
  const gauge = (name: string, help: string, set: (metric: Gauge) => void, labelNames: string[] = []): void => {
    const metric: Gauge = new Gauge({
      name,
      help,
      labelNames: [...labelNames, 'worker'],
      registers: [registry],
      collect: () => set(metric),
    });
  };
  gauge('holdfast_event_loop_lag_seconds', 'Longest delay of the event loop in the last second', (metric) =>
    metric.set({ worker }, lastLagMs / 1000),
  );
  gauge(
    'holdfast_buffered_bytes',
    'Bytes that wait for slow peers: down for clients, up for backends',
    (metric) => {
      const { down, up } = sources.bufferedBytes();
      metric.set({ worker, direction: 'down' }, down);
      metric.set({ worker, direction: 'up' }, up);
    },
    ['direction'],
  );
  gauge('holdfast_worker_shared_state_up', '1 while this worker reaches shared state', (metric) =>
    metric.set({ worker }, sources.isStateOk() ? 1 : 0),
  );
  gauge(
    'holdfast_load_underflows',
    'Releases of a backend without an acquire: a fault of Holdfast if not 0',
    (metric) => metric.set({ worker }, sources.underflows()),
  );
  return () => {
    // The histogram counts its own interval in.
    lastLagMs = Math.max(0, delay.max / 1e6 - LOOP_RESOLUTION_MS);
    delay.reset();
    return Math.round(lastLagMs * 10) / 10;
  };
}
