/**
 * GET /v1/connections?…: the relayed WebSockets of this machine, in pages: worker by worker, the oldest first.
 * GET /v1/connections/:id: one. DELETE /v1/connections/:id?code=&reason=: closes both sides of it in order; a client that
 * reconnects may come back.
 */
import { CloseCode } from '@holdfast/protocol';
import type { ConnectionReport } from '@holdfast/worker';
import type { FastifyInstance } from 'fastify';
import { AdminError, shown } from '../admin-error.js';
import { answersTo, mergeFound } from '../answers.js';
import type { AdminControl } from '../control.js';
import { invalidQuery, type Query, readPage, readReason, readTexts, refuseUnknown } from '../query.js';

const FILTERS = ['pool', 'route', 'backend', 'address'] as const;
const DEFAULT_REASON = 'closed by the operator';

interface ListRoute {
  readonly Querystring: Query;
}

interface OneRoute extends ListRoute {
  readonly Params: { readonly id: string };
}

export function connectionRoutes(app: FastifyInstance, control: AdminControl): void {
  app.get<ListRoute>('/v1/connections', async ({ query }) => {
    refuseUnknown(query, [...FILTERS, 'limit', 'after']);
    const page = readPage(query);
    const answers = await control.askAll({ what: 'connections', filter: readTexts(query, FILTERS), page });
    const terms = { limit: page.limit, asked: answers.length };
    const { reports, ...rest } = mergeFound(answersTo(answers, 'connections'), terms);
    return { ...rest, connections: reports };
  });
  app.get<OneRoute>('/v1/connections/:id', async ({ params: { id } }) => find(control, { what: 'connection', id }));
  app.delete<OneRoute>('/v1/connections/:id', async ({ params: { id }, query }) => {
    refuseUnknown(query, ['code', 'reason']);
    const how = { code: readCode(query['code']), reason: readReason(query, DEFAULT_REASON) };
    return { closed: await find(control, { what: 'closeConnection', id, ...how }) };
  });
}

async function find(
  control: AdminControl,
  question: Extract<Parameters<AdminControl['askAll']>[0], { what: 'connection' | 'closeConnection' }>,
): Promise<ConnectionReport & { readonly worker: number }> {
  const answers = answersTo(await control.askAll(question), 'connection');
  const [found] = answers.flatMap(({ worker, answer }) =>
    answer.connection ? [{ ...answer.connection, worker }] : [],
  );
  if (found !== undefined) return found;
  const expected = 'an open connection of this machine';
  throw new AdminError({ status: 404, code: 'CONNECTION_UNKNOWN', expected, got: shown(question.id) });
}

/** Those for applications, besides the one that says that nobody is to blame. */
function readCode(code: unknown): number {
  if (code === undefined || code === String(CloseCode.GoingAway)) return CloseCode.GoingAway;
  if (typeof code === 'string' && /^4[0-9]{3}$/.test(code)) return Number(code);
  throw invalidQuery(`code: ${CloseCode.GoingAway} or 4000 to 4999`, code);
}
