/** GET /metrics, in the text format of Prometheus. */
import type { FastifyInstance } from 'fastify';
import { Registry } from 'prom-client';
import type { AdminControl } from '../control.js';

export function metricsRoute(app: FastifyInstance, control: AdminControl): void {
  app.get('/metrics', async (_, reply) => {
    reply.type(Registry.PROMETHEUS_CONTENT_TYPE);
    return control.metrics();
  });
}
