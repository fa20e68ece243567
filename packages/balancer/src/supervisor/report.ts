/**
 * What the supervisor tells about itself: the shapes behind /v1/status, /readyz and the metrics. Plain data, made anew
 * for each question; nothing here is kept.
 */
import type { StateConfig, StateHealthReport, TopicLoad } from '@holdfast/worker';
import type { BackendReport } from '../pools/member.js';
import type { Lifecycle } from './lifecycle.js';
import type { ReloadReport } from './reload.js';
import type { WorkerStateName } from './worker-state.js';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export interface WorkerReport {
  readonly id: number;
  /** Absent between two processes. */
  readonly pid: number | undefined;
  readonly state: WorkerStateName;
  /** How long it has been in that state. */
  readonly forMs: number;
  readonly restarts: number;
  /** Died too often: tried again every 30 s only. */
  readonly isOverBudget: boolean;
  readonly isBlocked: boolean;
  /** Connections and requests in flight, as of its last report. */
  readonly connections: number;
  /** As of its last pong; absent before the first. */
  readonly eventLoopLagMs: number | undefined;
  /** As of its last pong; absent while no client is on any topic. */
  readonly topics: TopicLoad | undefined;
  readonly lastExit: string | undefined;
  /** While in backoff. */
  readonly retryInMs: number | undefined;
}

export interface BackendStatus extends BackendReport {
  /** In flight from all workers. */
  readonly load: number;
}

export interface SupervisorReport {
  readonly lifecycle: Lifecycle['name'];
  readonly listen: readonly ListenAddress[];
  readonly reload: ReloadReport;
  readonly stateEngine: StateConfig['engine'];
  /** Degraded as soon as one worker says so. */
  readonly stateHealth: StateHealthReport;
  readonly workers: readonly WorkerReport[];
  readonly backends: readonly BackendStatus[];
  /** Times that a worker was found blocked, since the start. */
  readonly blocks: number;
}
