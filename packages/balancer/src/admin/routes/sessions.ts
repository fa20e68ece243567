/**
 * GET /v1/sessions?…: sessions whose clients are connected to this machine, in pages. GET /v1/sessions/:id: one; of a session whose
 * client is not here, what shared state knows of it. DELETE /v1/sessions/:id?reason=: ends it for good; its client is told, and
 * does not come back. That takes the machine that has the client: only there can it be told.
 */
import type { LocatedSession, OperatorAnswer, SessionDetail } from '@holdfast/worker';
import type { FastifyInstance } from 'fastify';
import { AdminError, shown } from '../admin-error.js';
import { answersTo, isAnswerTo, mergeFound } from '../answers.js';
import type { AdminControl } from '../control.js';
import { readPage, readReason, readTexts, refuseUnknown } from '../query.js';

const FILTERS = ['pool', 'route', 'backend', 'address', 'principal', 'state', 'kind'] as const;
const DEFAULT_REASON = 'closed by the operator';

interface ListRoute {
  readonly Querystring: Readonly<Record<string, unknown>>;
}

interface OneRoute extends ListRoute {
  readonly Params: { readonly id: string };
}

interface Here extends SessionDetail {
  readonly worker: number;
}

export function sessionRoutes(app: FastifyInstance, control: AdminControl): void {
  app.get<ListRoute>('/v1/sessions', async ({ query }) => {
    refuseUnknown(query, [...FILTERS, 'limit', 'after']);
    const page = readPage(query);
    const answers = await control.askAll({ what: 'sessions', filter: readTexts(query, FILTERS), page });
    const terms = { limit: page.limit, asked: answers.length };
    const { reports, ...rest } = mergeFound(answersTo(answers, 'sessions'), terms);
    return { ...rest, sessions: reports };
  });
  app.get<OneRoute>('/v1/sessions/:id', async ({ params: { id } }) => {
    const here = await findHere(control, { what: 'session', id });
    if (here !== undefined) return { ...here, isHere: true };
    const { worker, balancer, backend, ...rest } = await locate(control, id);
    return { ...rest, backend, isHere: false, where: { balancer, worker, backend } };
  });
  app.delete<OneRoute>('/v1/sessions/:id', async ({ params: { id }, query }) => {
    refuseUnknown(query, ['reason']);
    const here = await findHere(control, { what: 'closeSession', id, reason: readReason(query, DEFAULT_REASON) });
    if (here !== undefined) return { closed: here };
    throw elsewhere(await locate(control, id));
  });
}

/** Of two workers that have it, because its client is just coming back, the one to which it came last. */
async function findHere(
  control: AdminControl,
  question: { readonly what: 'session'; readonly id: string } | CloseSession,
): Promise<Here | undefined> {
  const answers = answersTo(await control.askAll(question), 'session');
  const found = answers.flatMap(({ worker, answer: { session } }) => (session ? [{ ...session, worker }] : []));
  return found.sort((a, b) => b.generation - a.generation)[0];
}

interface CloseSession {
  readonly what: 'closeSession';
  readonly id: string;
  readonly reason: string;
}

async function locate(control: AdminControl, id: string): Promise<LocatedSession> {
  const answer: OperatorAnswer | undefined = await control.askAny({ what: 'locate', id });
  const location = isAnswerTo(answer, 'located') ? answer.location : undefined;
  if (location?.is === 'known') return location.session;
  if (location?.is === 'unknown') {
    throw new AdminError({ status: 404, code: 'SESSION_UNKNOWN', expected: 'a session that exists', got: shown(id) });
  }
  const got = location?.detail ?? 'no answer of any worker';
  throw new AdminError({ status: 503, code: 'STATE_UNAVAILABLE', expected: 'the shared state to answer', got });
}

function elsewhere({ balancer, worker, parked }: LocatedSession): AdminError {
  const expected = 'a session whose client is connected to this machine';
  const place = balancer === null ? `worker ${worker}, which is gone` : `${balancer}, worker ${worker}`;
  const got = parked === null ? `one that was last at ${place}` : `one whose client is away; it was last at ${place}`;
  return new AdminError({ status: 409, code: 'SESSION_ELSEWHERE', expected, got });
}
