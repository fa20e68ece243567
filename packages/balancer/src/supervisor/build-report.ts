/**
 * Puts the supervisor's report together from its parts. Apart from the supervisor, because reading is not deciding.
 */
import { certificatesOf } from './certificates.js';
import type { BalancerConfig } from '../config/types.js';
import type { BackendReport } from '../pools/member.js';
import type { DrainProgress } from './drain-progress.js';
import type { Fleet } from './fleet.js';
import type { Lifecycle } from './lifecycle.js';
import type { LoadExchange } from './loads.js';
import type { ReloadReport } from './reload.js';
import type { Replacement } from './replacement.js';
import type { DrainReport, SupervisorReport, WorkerReport } from './report.js';
import type { Switchboard } from './switchboard.js';
import type { Watchdog } from './watchdog.js';
import type { WorkerProcess } from './worker-process.js';

export interface ReportParts extends Pick<SupervisorReport, 'listen' | 'blocks'> {
  readonly lifecycle: Lifecycle;
  readonly reload: ReloadReport;
  readonly config: BalancerConfig;
  readonly fleet: Fleet;
  readonly drains: DrainProgress;
  readonly replacement: Replacement;
  readonly backends: readonly BackendReport[];
  readonly loads: LoadExchange;
  readonly watchdog: Watchdog;
  readonly switchboard: Switchboard;
}

export function buildReport(parts: ReportParts): SupervisorReport {
  const { lifecycle, listen, blocks, reload, config, fleet, backends, loads, switchboard, replacement } = parts;
  return {
    lifecycle: lifecycle.name,
    listen,
    reload,
    stateEngine: config.worker.state.engine,
    stateHealth: switchboard.stateHealth,
    workers: fleet.workers.map((worker) => reportWorker(worker, parts)),
    backends: backends.map((backend) => ({ ...backend, load: loads.at(backend.pool, backend.id) })),
    certificates: certificatesOf(config.worker),
    blocks,
    drain: reportDrain(parts),
    replacement: replacement.report,
    replacements: { replaced: replacement.replaced, failed: replacement.failed },
  };
}

function reportDrain({ lifecycle, drains }: ReportParts): DrainReport {
  const { counts } = drains;
  if (lifecycle.name !== 'draining') return { phase: 'none', deadlineInMs: undefined, ...counts };
  const deadlineInMs = Math.max(0, Math.round(lifecycle.deadline - performance.now()));
  return { phase: lifecycle.phase, deadlineInMs, ...counts };
}

function reportWorker(worker: WorkerProcess, { fleet, loads, watchdog, switchboard }: ReportParts): WorkerReport {
  const { id, pid, state, restarts, isOverBudget, lastExit } = worker;
  const now = performance.now();
  return {
    id,
    pid,
    state: state.name,
    part: fleet.partOf(worker),
    forMs: Math.round(now - state.since),
    restarts,
    isOverBudget,
    isBlocked: watchdog.isBlocked(id),
    connections: loads.totalOf(id),
    eventLoopLagMs: switchboard.pulseOf(id)?.eventLoopLagMs,
    topics: switchboard.pulseOf(id)?.topics,
    lastExit,
    retryInMs: state.name === 'backoff' ? Math.max(0, Math.round(state.until - now)) : undefined,
  };
}
