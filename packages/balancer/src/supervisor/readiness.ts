/**
 * Whether this balancer should be sent clients, pure. What is worse than it should be but works (a worker missing, another
 * blocked, the shared state gone) is told in the body and stays 200: taking a whole balancer out because a dependency
 * is down moves its clients onto the others and helps nobody. 503 means that it takes no new ones: starting, draining, or no worker listens.
 */
import type { SupervisorReport, WorkerReport } from './report.js';

type ReadinessStatus = 'ready' | 'degraded' | 'starting' | 'draining' | 'down';

interface Check {
  readonly status: 'ok' | 'degraded';
  readonly detail?: string;
}

export interface Readiness {
  readonly status: ReadinessStatus;
  readonly isReady: boolean;
  readonly checks: { readonly workers: Check; readonly sharedState: Check };
}

type Facts = Pick<SupervisorReport, 'lifecycle' | 'workers' | 'stateEngine' | 'stateHealth'>;

export function readinessOf(facts: Facts): Readiness {
  const checks = { workers: checkWorkers(facts.workers), sharedState: checkState(facts) };
  const status = statusOf(facts, Object.values(checks));
  return { status, isReady: status === 'ready' || status === 'degraded', checks };
}

function statusOf({ lifecycle, workers }: Facts, checks: readonly Check[]): ReadinessStatus {
  switch (lifecycle) {
    case 'starting':
      return 'starting';
    case 'draining':
    case 'stopping':
    case 'stopped':
      return 'draining';
    case 'running':
      if (!workers.some(({ state }) => state === 'listening')) return 'down';
      return checks.every(({ status }) => status === 'ok') ? 'ready' : 'degraded';
  }
}

function checkWorkers(workers: readonly WorkerReport[]): Check {
  // A worker that is being replaced is not missing: its successor is there before it goes.
  const missing = workers.filter(({ part, state }) => part === 'member' && state !== 'listening');
  const blocked = workers.filter(({ isBlocked }) => isBlocked);
  const details = [
    ...missing.map(
      ({ id, state, lastExit }) => `worker ${id}: ${state}${lastExit === undefined ? '' : ` after ${lastExit}`}`,
    ),
    ...blocked.map(({ id }) => `worker ${id}: blocked, does not answer`),
  ];
  return details.length === 0 ? { status: 'ok' } : { status: 'degraded', detail: details.join('; ') };
}

function checkState({ stateEngine, stateHealth: { status, detail } }: Facts): Check {
  if (status === 'ok') return { status };
  return { status, detail: `${stateEngine}: ${detail ?? 'degraded'}` };
}
