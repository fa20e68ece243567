/** The one pool and the one route of a run. Heartbeats are short: a run is short, and silence has to be noticed in it. */
import type { PoolConfig, RouteLimits } from '../../../packages/worker/src/config.js';
import type { SessionRoute } from '../../../packages/worker/src/session/session-end.js';
import { NO_LIMITS } from '../../../packages/worker/src/testing/limits.js';
import type { Schedule } from '../schedule.js';

export const POOL = 'pool';
/** Of workers and backends. */
export const SECRET = 'a secret of the simulation';

const LIMITS: RouteLimits = { ...NO_LIMITS, messageBytes: 1024 * 1024, idleMs: 20_000, bufferBytes: 1024 * 1024 };

export function routeOf(): SessionRoute {
  return { name: 'route', limits: LIMITS, auth: undefined };
}

export function poolConfigOf({ windowMs }: Schedule): PoolConfig {
  return {
    name: POOL,
    session: {
      trunkPath: '/.holdfast/trunk',
      onBackendLoss: 'rehome',
      resumeWindowMs: windowMs,
      heartbeatMs: 2000,
      maxHandoffs: 100,
    },
    backends: { type: 'static', backends: [] },
    balance: 'two-choices',
    sticky: undefined,
    proxy: undefined,
    proxyProtocol: undefined,
    health: undefined,
    outlier: { consecutiveFailures: 0, baseEjectionMs: 30_000, maxEjectionMs: 300_000, maxEjectedPercent: 50 },
    tls: undefined,
    slowStartMs: 0,
    panicThreshold: 0,
    timeouts: { connectMs: 5000, handshakeMs: 10_000, idleMs: 3_600_000, responseMs: 60_000, drainMs: 0 },
    retries: 2,
  };
}
