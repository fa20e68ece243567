/**
 * The supervisor's own metrics, made from its report at each scrape. A registry with counters that are kept in step by hand was
 * rejected: the report knows everything already, and two truths drift apart.
 */
import type { BackendStatus, DrainReport, SupervisorReport } from '../supervisor/report.js';
import { WORKER_STATE_NAMES } from '../supervisor/worker-state.js';
import type { MetricJson, MetricType, MetricValue } from './metric-json.js';

const BACKEND_STATES: readonly BackendStatus['state'][] = ['ready', 'draining', 'maintenance', 'down'];

const DRAIN_PHASES: readonly DrainReport['phase'][] = ['none', 'grace', 'closing'];

export interface BuildInfo {
  readonly version: string;
  readonly node: string;
}

export function ownMetrics(report: SupervisorReport, build: BuildInfo): MetricJson[] {
  return [
    ...fleetMetrics(report),
    ...drainMetrics(report),
    ...configMetrics(report, build),
    ...backendMetrics(report.backends),
    ...certificateMetrics(report),
  ];
}

function fleetMetrics({ workers, blocks, stateHealth }: SupervisorReport): MetricJson[] {
  const byState = WORKER_STATE_NAMES.map((state) =>
    sample(workers.filter((worker) => worker.state === state).length, { state }),
  );
  const restarts = workers.map(({ id, restarts: count }) => sample(count, { worker: String(id) }));
  return [
    metric('gauge', 'holdfast_workers', 'Worker slots by state.', byState),
    metric(
      'counter',
      'holdfast_worker_restarts_total',
      'Worker processes started in place of one that died.',
      restarts,
    ),
    metric('counter', 'holdfast_worker_blocked_total', 'Times that a worker did not answer for 5 s.', [sample(blocks)]),
    metric('gauge', 'holdfast_shared_state_up', '1: all workers reach the shared state; 0: at least one does not.', [
      sample(stateHealth.status === 'ok' ? 1 : 0),
    ]),
  ];
}

function drainMetrics({ drain, replacements }: SupervisorReport): MetricJson[] {
  const phases = DRAIN_PHASES.map((phase) => sample(drain.phase === phase ? 1 : 0, { phase }));
  const help = 'Connections, requests and sessions left at workers that let their clients go.';
  return [
    metric('gauge', 'holdfast_drain_phase', '1 for the phase that the drain of this balancer is in.', phases),
    metric('gauge', 'holdfast_drain_left', help, [sample(drain.left)]),
    metric('gauge', 'holdfast_drain_deadline_seconds', 'Until what is left is closed at once; 0 when not draining.', [
      sample((drain.deadlineInMs ?? 0) / 1000),
    ]),
    metric('counter', 'holdfast_drain_ended_total', 'Ended by workers that let their clients go, and how.', [
      sample(drain.closed, { how: 'closed' }),
      sample(drain.cut, { how: 'cut' }),
    ]),
    metric('counter', 'holdfast_worker_replacements_total', 'Workers that gave their place to a new process.', [
      sample(replacements.replaced, { result: 'ok' }),
      sample(replacements.failed, { result: 'failed' }),
    ]),
  ];
}

function configMetrics({ reload }: SupervisorReport, { version, node }: BuildInfo): MetricJson[] {
  return [
    metric('counter', 'holdfast_config_reloads_total', 'Reloads of the configuration by result.', [
      sample(reload.accepted, { result: 'ok' }),
      sample(reload.rejected, { result: 'rejected' }),
    ]),
    metric('gauge', 'holdfast_config_version', 'Version of the configuration in effect; 1 since the start.', [
      sample(reload.configVersion),
    ]),
    metric('gauge', 'holdfast_build_info', 'Always 1; what is running is in the labels.', [
      sample(1, { version, node }),
    ]),
  ];
}

function certificateMetrics({ certificates }: SupervisorReport): MetricJson[] {
  const ends = certificates.map(({ shownBy, name = '', expiresAtMs }) => {
    return sample(expiresAtMs / 1000, { listener: '', pool: '', ...shownBy, name });
  });
  const help = 'Unix time at which a certificate that is shown to clients (listener) or backends (pool) ends.';
  return [metric('gauge', 'holdfast_certificate_expires_seconds', help, ends)];
}

function backendMetrics(backends: readonly BackendStatus[]): MetricJson[] {
  const up = backends.map(({ pool, id, state }) => sample(state === 'down' ? 0 : 1, { pool, backend: id }));
  const states = backends.flatMap(({ pool, id, state }) =>
    BACKEND_STATES.map((name) => sample(name === state ? 1 : 0, { pool, backend: id, state: name })),
  );
  const weights = backends.map(({ pool, id, weight }) => sample(weight, { pool, backend: id }));
  const ejections = backends.map(({ pool, id, ejections: count }) => sample(count, { pool, backend: id }));
  return [
    metric('gauge', 'holdfast_backend_up', '0: down by its checks or ejected; 1: not.', up),
    metric('gauge', 'holdfast_backend_state', '1 for the state that the backend is in.', states),
    metric('gauge', 'holdfast_backend_weight', 'Configured weight, or the one that an operator set.', weights),
    metric('counter', 'holdfast_backend_ejections_total', 'Ejections by failures of traffic.', ejections),
    ...healthMetrics(backends),
  ];
}

function healthMetrics(backends: readonly BackendStatus[]): MetricJson[] {
  const rtts = backends.flatMap(({ pool, id, health }) =>
    health.rttMs === undefined ? [] : [sample(health.rttMs.last / 1000, { pool, backend: id })],
  );
  const checks = backends.flatMap(({ pool, id, health }) => [
    sample(health.checks - health.failures, { pool, backend: id, result: 'ok' }),
    sample(health.failures, { pool, backend: id, result: 'failed' }),
  ]);
  return [
    metric('gauge', 'holdfast_health_check_rtt_seconds', 'Round trip of the last check that passed.', rtts),
    metric('counter', 'holdfast_health_checks_total', 'Health checks by result.', checks),
  ];
}

function metric(type: MetricType, name: string, help: string, values: readonly MetricValue[]): MetricJson {
  return { type, name, help, aggregator: 'first', values };
}

function sample(value: number, labels: MetricValue['labels'] = {}): MetricValue {
  return { value, labels };
}
