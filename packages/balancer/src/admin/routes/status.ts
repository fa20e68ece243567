/**
 * GET /v1/status: the whole balancer on one page: processes, configuration, shared state, backends. For people and scripts;
 * what a monitoring system follows over time is in /metrics.
 */
import type { FastifyInstance } from 'fastify';
import { readinessOf } from '../../supervisor/readiness.js';
import type { LastReload } from '../../supervisor/reload.js';
import type { SupervisorReport } from '../../supervisor/report.js';
import type { AdminControl, AdminIdentity } from '../control.js';

export function statusRoute(app: FastifyInstance, control: AdminControl, identity: AdminIdentity): void {
  app.get('/v1/status', async () => statusOf(control.report(), identity));
}

function statusOf(report: SupervisorReport, { version, file }: AdminIdentity): object {
  const { listen, reload, stateEngine, stateHealth, workers, backends } = report;
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
    workers,
    backends,
  };
}

function lastReloadOf(last: LastReload | undefined): object | null {
  if (last === undefined) return null;
  if (!last.ok) return { result: 'rejected', at: last.at, mistakes: last.mistakes };
  return { result: 'ok', at: last.at, warnings: last.warnings, needsRestart: last.needsRestart };
}
