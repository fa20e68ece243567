/**
 * GET /v1/status: the whole balancer on one page: processes, configuration, shared state, backends, and the fleet that it is one
 * of. For people and scripts; what a monitoring system follows over time is in /metrics.
 */
import type { FleetReport } from '@holdfast/worker';
import type { FastifyInstance } from 'fastify';
import { readinessOf } from '../../supervisor/readiness.js';
import type { LastReload } from '../../supervisor/reload.js';
import type { SupervisorReport } from '../../supervisor/report.js';
import { isAnswerTo } from '../answers.js';
import type { AdminControl, AdminIdentity } from '../control.js';

export function statusRoute(app: FastifyInstance, control: AdminControl, identity: AdminIdentity): void {
  app.get('/v1/status', async () => {
    const fleet = await control.askAny({ what: 'fleet' });
    return {
      ...statusOf(control.report(), identity),
      ...fleetOf(isAnswerTo(fleet, 'fleet') ? fleet.fleet : undefined),
    };
  });
}

function statusOf(report: SupervisorReport, { version, file }: AdminIdentity): object {
  const { listen, reload, stateEngine, stateHealth, workers, backends, drain, replacement } = report;
  const { status, checks } = readinessOf(report);
  return {
    status,
    checks,
    version,
    pid: process.pid,
    uptimeMs: Math.round(process.uptime() * 1000),
    listen,
    config: { file, version: reload.configVersion, lastReload: lastReloadOf(reload.last) },
    state: { engine: stateEngine, ...stateHealth },
    drain,
    replacement: replacement ?? null,
    workers,
    backends,
  };
}

/** As the leases in shared state tell. `null`: no worker says anything, so that nothing is known of the others either. */
function fleetOf(fleet: FleetReport | undefined): object {
  if (fleet === undefined) return { fleet: null };
  const { self, ageMs, balancers } = fleet;
  return { fleet: balancers.map((it) => ({ ...it, isSelf: it.balancer === self })), fleetAgeMs: ageMs };
}

function lastReloadOf(last: LastReload | undefined): object | null {
  if (last === undefined) return null;
  if (!last.ok) return { result: 'rejected', at: last.at, mistakes: last.mistakes };
  return { result: 'ok', at: last.at, warnings: last.warnings, needsRestart: last.needsRestart };
}
