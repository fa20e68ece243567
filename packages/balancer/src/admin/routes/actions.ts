/**
 * POST /v1/reload: the same as SIGHUP, answered when it is done. POST /v1/drain: the same as SIGTERM; POST /v1/workers/replace:
 * every worker gives its place to a new process. Both are answered when they have begun; how it goes on is in /v1/status.
 */
import type { FastifyInstance } from 'fastify';
import { formatMistake } from '../../config/load.js';
import { AdminError } from '../admin-error.js';
import type { AdminControl } from '../control.js';

export function actionRoutes(app: FastifyInstance, control: AdminControl): void {
  app.post('/v1/reload', async (_, reply) => {
    const result = await control.reload();
    if (result === undefined) {
      throw draining();
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
    return { status: 'draining', drain: control.report().drain };
  });
  app.post('/v1/workers/replace', async (_, reply) => {
    const result = control.replaceWorkers('POST /v1/workers/replace');
    if (result === 'stopping') throw draining();
    if (result === 'running') {
      const expected = 'no replacement of workers under way';
      throw new AdminError({ status: 409, code: 'ALREADY_REPLACING', expected, got: 'one that is not done' });
    }
    reply.code(202);
    return { replacement: control.report().replacement };
  });
}

function draining(): AdminError {
  const got = 'one that is starting or stopping';
  return new AdminError({ status: 409, code: 'DRAINING', expected: 'a running balancer', got });
}
