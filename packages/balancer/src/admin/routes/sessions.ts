/**
 * GET /v1/sessions?pool=&limit=: sessions whose clients are connected to this machine, any of them up to the limit, and how many
 * there are. GET /v1/sessions/:id: one. DELETE /v1/sessions/:id: ends it for good; its client is told, and does not come back.
 */
import type { FastifyInstance } from 'fastify';
import { AdminError, shown } from '../admin-error.js';
import type { AdminControl } from '../control.js';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;

interface ListRoute {
  readonly Querystring: Readonly<Record<string, unknown>>;
}

interface OneRoute {
  readonly Params: { readonly id: string };
}

export function sessionRoutes(app: FastifyInstance, control: AdminControl): void {
  app.get<ListRoute>('/v1/sessions', async ({ query }) =>
    control.sessions({ what: 'list', pool: readPool(query['pool']), limit: readLimit(query['limit']) }),
  );
  app.get<OneRoute>('/v1/sessions/:id', async ({ params }) => ask(control, 'find', params.id));
  app.delete<OneRoute>('/v1/sessions/:id', async ({ params }) => ({ closed: await ask(control, 'close', params.id) }));
}

async function ask(control: AdminControl, what: 'find' | 'close', sessionId: string): Promise<object> {
  const { sessions } = await control.sessions({ what, sessionId });
  const [session] = sessions;
  if (session !== undefined) return session;
  const expected = 'a session whose client is connected to this machine';
  throw new AdminError({ status: 404, code: 'SESSION_UNKNOWN', expected, got: shown(sessionId) });
}

function readPool(pool: unknown): string | undefined {
  if (pool === undefined || typeof pool === 'string') return pool;
  throw invalid('pool: one name', pool);
}

function readLimit(limit: unknown): number {
  if (limit === undefined) return DEFAULT_LIMIT;
  const number = typeof limit === 'string' && /^[0-9]{1,5}$/.test(limit) ? Number(limit) : 0;
  if (number >= 1 && number <= MAX_LIMIT) return number;
  throw invalid(`limit: a whole number from 1 to ${MAX_LIMIT}`, limit);
}

function invalid(expected: string, got: unknown): AdminError {
  return new AdminError({ status: 400, code: 'INVALID_QUERY', expected, got: shown(got) });
}
