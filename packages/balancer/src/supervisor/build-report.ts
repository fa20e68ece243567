/**
 * Puts the supervisor's report together from its parts. Apart from the supervisor, because reading is not deciding.
 */
import type { BalancerConfig } from '../config/types.js';
import type { BackendReport } from '../pools/member.js';
import type { LoadExchange } from './loads.js';
import type { ReloadReport } from './reload.js';
import type { SupervisorReport, WorkerReport } from './report.js';
import type { Switchboard } from './switchboard.js';
import type { Watchdog } from './watchdog.js';
import type { WorkerProcess } from './worker-process.js';

export interface ReportParts extends Pick<SupervisorReport, 'lifecycle' | 'listen' | 'blocks'> {
  readonly reload: ReloadReport;
  readonly config: BalancerConfig;
  readonly workers: readonly WorkerProcess[];
  readonly backends: readonly BackendReport[];
  readonly loads: LoadExchange;
  readonly watchdog: Watchdog;
  readonly switchboard: Switchboard;
}

export function buildReport(parts: ReportParts): SupervisorReport {
  const { lifecycle, listen, blocks, reload, config, workers, backends, loads, switchboard } = parts;
  return {
    lifecycle,
    listen,
    reload,
    stateEngine: config.worker.state.engine,
    stateHealth: switchboard.stateHealth,
    workers: workers.map((worker) => reportWorker(worker, parts)),
    backends: backends.map((backend) => ({ ...backend, load: loads.at(backend.pool, backend.id) })),
    blocks,
  };
}

function reportWorker(worker: WorkerProcess, { loads, watchdog, switchboard }: ReportParts): WorkerReport {
  const { id, pid, state, restarts, isOverBudget, lastExit } = worker;
  const now = performance.now();
  return {
    id,
    pid,
    state: state.name,
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
