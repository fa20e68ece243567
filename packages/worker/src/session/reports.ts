/**
 * What an operator is told of the sessions of this worker. Looking through all of them is cheap (a filter by address or principal
 * looks for its text in the request before it reads any), and only those that are told of are described.
 */
import { CloseCode } from '@holdfast/protocol';
import type { Found, Page, SessionDetail, SessionFilter, SessionReport } from '../control/operator-questions.js';
import { FirstFew } from '../observe/first-few.js';
import { trunkReport } from '../trunk/report.js';
import { readRequest } from './describe-request.js';
import type { Session } from './session.js';

interface KnownSessions {
  readonly all: ReadonlySet<Session>;
  find(sessionId: string): Session | undefined;
}

const MAX_TOPICS_NAMED = 100;

export function listSessions({ all }: KnownSessions, filter: SessionFilter, page: Page): Found<SessionReport> {
  let count = 0;
  const few = new FirstFew<Session>(page.limit, page.after);
  for (const session of all) {
    if (session.id === '' || !fits(session, filter)) continue;
    count += 1;
    few.add(session);
  }
  const { items, hasMore } = few.take();
  return { count, reports: items.map((session) => reportOf(session)), hasMore };
}

export function describeSession(sessions: KnownSessions, id: string): SessionDetail | undefined {
  const session = sessions.find(id);
  return session && detailOf(session);
}

/** Answers as it was before. */
export function closeSession(sessions: KnownSessions, id: string, reason: string): SessionDetail | undefined {
  const detail = describeSession(sessions, id);
  sessions.find(id)?.endForGood({ code: CloseCode.Normal, reason, closedBy: 'edge' });
  return detail;
}

function fits(session: Session, filter: SessionFilter): boolean {
  const { pool, route, backend, state, kind, address, principal } = filter;
  if (pool !== undefined && session.pool.name !== pool) return false;
  if (route !== undefined && session.route.name !== route) return false;
  if (backend !== undefined && session.link?.backend.id !== backend) return false;
  if (state !== undefined && session.state !== state) return false;
  if (kind !== undefined && kindOf(session) !== kind) return false;
  return saysSo(session, 'address', address) && saysSo(session, 'principal', principal);
}

/** Reading a request costs a hundred times what looking for a text in it does, and most are not the ones that are looked for. */
function saysSo({ request }: Session, key: 'address' | 'principal', value: string | undefined): boolean {
  if (value === undefined) return true;
  return request.includes(`${JSON.stringify(key)}:${JSON.stringify(value)}`) && readRequest(request)[key] === value;
}

function kindOf({ isPlain }: Session): 'plain' | 'sdk' {
  return isPlain ? 'plain' : 'sdk';
}

function reportOf(session: Session): SessionReport {
  const { id, pool, route, link, state, generation, isResumed, rehomes, tally } = session;
  const { address, principal = null } = readRequest(session.request);
  return {
    id,
    pool: pool.name,
    route: route.name,
    backend: link?.backend.id ?? null,
    state,
    kind: kindOf(session),
    address,
    principal,
    generation,
    connectedMs: since(session.openedAtMs),
    isResumed,
    rehomes,
    messagesUp: tally.messagesUp,
    messagesDown: tally.messagesDown,
  };
}

function detailOf(session: Session): SessionDetail {
  const { tally, bufferedBytes, client, link, hasToken, topicSession } = session;
  const memberships = topicSession?.topics?.memberships ?? [];
  return {
    ...reportOf(session),
    bytesUp: tally.bytesUp,
    bytesDown: tally.bytesDown,
    bufferedBytes,
    silentMs: since(client.heardAtMs),
    path: readRequest(session.request).path,
    withoutBackendMs: link === undefined ? since(session.unboundAtMs || session.openedAtMs) : null,
    tokenAgeMs: hasToken ? since(session.tokenSignedAtMs) : null,
    topics: {
      count: memberships.length,
      names: memberships.slice(0, MAX_TOPICS_NAMED).map(({ topic }) => topic.name),
    },
    trunk: link === undefined ? null : trunkReport(link),
  };
}

/** The clock of sessions may be half a second behind, never ahead. */
function since(atMs: number): number {
  return Math.max(0, Math.round(performance.now() - atMs));
}
