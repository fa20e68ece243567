/**
 * What the supervisor tells about itself: the shapes behind /v1/status, /readyz and the metrics. Plain data, made anew
 * for each question; nothing here is kept.
 */
import type { StateConfig, StateHealthReport, TopicLoad } from '@holdfast/worker';
import type { BackendReport } from '../pools/member.js';
import type { DrainCounts } from './drain-progress.js';
import type { FleetPart } from './fleet.js';
import type { Lifecycle } from './lifecycle.js';
import type { ReloadReport } from './reload.js';
import type { ReplacementReport } from './replacement.js';
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
  readonly part: FleetPart;
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

/** Of this balancer's own drain; the counts are of replaced workers too. */
export interface DrainReport extends DrainCounts {
  readonly phase: 'none' | 'grace' | 'closing';
  /** Until what is left is closed at once. */
  readonly deadlineInMs: number | undefined;
}

/** One that this balancer shows. */
export interface CertificateReport {
  /** A listener's address, or the name of a pool: whoever gets to see it. */
  readonly shownBy: { readonly listener: string } | { readonly pool: string };
  /** Server name (SNI); absent for the one that everybody else gets. */
  readonly name: string | undefined;
  readonly expiresAtMs: number;
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
  readonly certificates: readonly CertificateReport[];
  /** Times that a worker was found blocked, since the start. */
  readonly blocks: number;
  readonly drain: DrainReport;
  /** The last one, or the one under way. */
  readonly replacement: ReplacementReport | undefined;
  /** Workers, since the start. */
  readonly replacements: { readonly replaced: number; readonly failed: number };
}
