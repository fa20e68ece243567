/**
 * GET /healthz: the process is up. GET /readyz: whether to send clients here; see readiness.ts for what 503 means.
 */
import type { FastifyInstance } from 'fastify';
import { readinessOf } from '../../supervisor/readiness.js';
import type { AdminControl } from '../control.js';

export function probeRoutes(app: FastifyInstance, control: AdminControl): void {
  app.get('/healthz', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_, reply) => {
    const { status, isReady, checks } = readinessOf(control.report());
    reply.code(isReady ? 200 : 503);
    return { status, checks };
  });
}
