/**
 * POST /v1/reload: the same as SIGHUP, answered when it is done. POST /v1/drain: the same as SIGTERM, answered when it
 * has begun; how it goes on is in /v1/status.
 */
import type { FastifyInstance } from 'fastify';
import { formatMistake } from '../../config/load.js';
import { AdminError } from '../admin-error.js';
import type { AdminControl } from '../control.js';

export function actionRoutes(app: FastifyInstance, control: AdminControl): void {
  app.post('/v1/reload', async (_, reply) => {
    const result = await control.reload();
    if (result === undefined) {
      throw new AdminError({
        status: 409,
        code: 'DRAINING',
        expected: 'a running balancer',
        got: 'one that is draining',
      });
    }
    if (result.ok) {
      const { configVersion, warnings, needsRestart } = result;
      return { configVersion, warnings, needsRestart };
    }
    const { mistakes } = result;
    reply.code(422);
    const message = `config not reloaded: ${mistakes.map(formatMistake).join('; ')}`;
    const count = `${mistakes.length} ${mistakes.length === 1 ? 'mistake' : 'mistakes'}`;
    return { error: { code: 'CONFIG_REJECTED', message, expected: 'a config without mistakes', got: count, mistakes } };
  });
  app.post('/v1/drain', async (_, reply) => {
    control.drain('POST /v1/drain');
    reply.code(202);
    return { status: 'draining' };
  });
}
