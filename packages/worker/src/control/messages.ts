/**
 * What the supervisor and its workers say to each other over the IPC channel. Every message is plain data for
 * structured clone. The supervisor decides (configuration, who is healthy, who may come in); a worker acts on
 * the last thing it was told, so that it goes on working while the supervisor is busy.
 */
import type { TopicPush } from '@holdfast/state';
import type { WorkerConfig } from '../config.js';
import type { OperatorAnswer, OperatorQuestion } from './operator-questions.js';
import type { DrainOrders } from '../drain/orders.js';
import type { TopicAnswer, TopicQuestion } from './topic-questions.js';

/** counts: counters and histograms alone, which are what is remembered of a worker. */
export type MetricsAsked = 'all' | 'counts';

export type ToWorker =
  /** First message to a new worker; `configVersion` counts loads of the file, from 1. */
  | {
      readonly type: 'start';
      readonly workerId: number;
      readonly configVersion: number;
      readonly config: WorkerConfig;
      readonly pools: PoolsSnapshot;
    }
  /** Take this configuration for what comes from now on; open connections stay. Answered with `reloaded`. */
  | {
      readonly type: 'reload';
      readonly configVersion: number;
      readonly config: WorkerConfig;
      readonly pools: PoolsSnapshot;
    }
  /** Backends changed: members, weights, states. Always the whole picture. */
  | { readonly type: 'pools'; readonly pools: PoolsSnapshot }
  /** Connections and requests in flight at each backend from all *other* workers of this machine. */
  | { readonly type: 'loads'; readonly loads: BackendLoads }
  /** Are you there? Answered with `pong` at once: a worker that does not has a blocked event loop. */
  | { readonly type: 'ping'; readonly id: number }
  | { readonly type: 'collectMetrics'; readonly id: number; readonly asked: MetricsAsked }
  /** Answered with `answer`. */
  | { readonly type: 'ask'; readonly id: number; readonly question: OperatorQuestion }
  /** Answered with `topics`. */
  | { readonly type: 'askTopics'; readonly id: number; readonly question: TopicQuestion }
  /** Stop listening, send clients away over a while, finish requests; `draining` now and then, `drained`, then exit 0. */
  | ({ readonly type: 'drain' } & DrainOrders)
  /** What the embedded engine tells of topics that this worker subscribed to: everything of one turn of its event loop. */
  | { readonly type: 'push'; readonly push: TopicPush }
  | { readonly type: 'reply'; readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly type: 'reply'; readonly id: number; readonly ok: false; readonly error: string };

export type FromWorker =
  /** The process runs and wants its `start`. */
  | { readonly type: 'hello' }
  /** All addresses are bound; ports in the order of `config.listen`. */
  | { readonly type: 'listening'; readonly ports: readonly number[] }
  /** Cannot start: `error` says what was expected, what came, what to do. The worker exits 1 after this. */
  | { readonly type: 'failed'; readonly error: string }
  | { readonly type: 'reloaded'; readonly configVersion: number }
  | { readonly type: 'loads'; readonly loads: BackendLoads }
  | { readonly type: 'outcomes'; readonly outcomes: readonly BackendOutcome[] }
  | {
      readonly type: 'pong';
      readonly id: number;
      readonly eventLoopLagMs: number;
      readonly stateHealth: StateHealthReport;
      /** Absent while no client of this worker is on any topic. */
      readonly topics?: TopicLoad;
    }
  /** `metrics` is what prom-client's getMetricsAsJSON() gave. */
  | { readonly type: 'metrics'; readonly id: number; readonly metrics: readonly object[] }
  | { readonly type: 'answer'; readonly id: number; readonly answer: OperatorAnswer }
  | { readonly type: 'topics'; readonly id: number; readonly answer: TopicAnswer }
  /** Connections, requests and sessions that are still there. */
  | { readonly type: 'draining'; readonly left: number }
  | { readonly type: 'drained'; readonly closed: number; readonly cut: number }
  /** A call to the supervisor's services; see the `services` of the supervisor for methods. Answered with `reply`. */
  | { readonly type: 'call'; readonly id: number; readonly method: string; readonly args: readonly unknown[] };

/** By pool name. */
export type PoolsSnapshot = Readonly<Record<string, readonly BackendSnapshot[]>>;

export interface BackendSnapshot {
  /** Unique within its pool. */
  readonly id: string;
  readonly url: string;
  readonly weight: number;
  readonly state: BackendState;
  /** Name for SNI and the certificate, where `url` holds an address that was looked up; absent: the host of `url`. */
  readonly serverName?: string;
  /** While a slow start lasts: when it began (epoch ms); weight rises from a tenth to its full value over `slowStartMs`. */
  readonly slowStartedAt: number | undefined;
}

/**
 * ready: takes new connections. draining: keeps what it has, takes only what is bound to it (stickiness).
 * maintenance: taken out by an operator. down: failed its health checks or was ejected.
 */
export type BackendState = 'ready' | 'draining' | 'maintenance' | 'down';

/** Pool name → backend id → connections and requests in flight. Absent means 0. */
export type BackendLoads = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** What traffic told about a backend since the last report: counts in the order of time do not matter, the streak does. */
export interface BackendOutcome {
  readonly pool: string;
  readonly backendId: string;
  readonly successes: number;
  readonly failures: number;
  /** Failures in a row at the end of the period; 0 when the last outcome was a success. */
  readonly streak: number;
}

export interface StateHealthReport {
  readonly status: 'ok' | 'degraded';
  /** For people, when degraded: what was expected, what came. */
  readonly detail: string | undefined;
}

/** Of one worker. */
export interface TopicLoad {
  /** That a client of this worker hears. */
  readonly topics: number;
  /** One for each client and topic that it hears. */
  readonly subscriptions: number;
}
