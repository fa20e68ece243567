/** Answers an operator's questions about the sessions of this worker. */
import { CloseCode } from '@holdfast/protocol';
import type { SessionQuestion, SessionReport } from '../control/messages.js';
import { addressOf } from './choose-link.js';
import type { Session } from './session.js';
import type { Sessions } from './sessions.js';

export interface SessionsAnswer {
  readonly count: number;
  readonly sessions: readonly SessionReport[];
}

export function answerAboutSessions(sessions: Sessions, question: SessionQuestion): SessionsAnswer {
  if (question.what === 'list') return list(sessions, question.pool, question.limit);
  const session = sessions.find(question.sessionId);
  if (session === undefined) return { count: 0, sessions: [] };
  const answer = { count: 1, sessions: [reportOf(session)] };
  if (question.what === 'close') {
    session.endForGood({ code: CloseCode.Normal, reason: 'closed by the operator', closedBy: 'edge' });
  }
  return answer;
}

function list(sessions: Sessions, pool: string | undefined, limit: number): SessionsAnswer {
  let count = 0;
  const reports: SessionReport[] = [];
  for (const session of sessions.all) {
    if (session.id === '' || (pool !== undefined && session.pool.name !== pool)) continue;
    count += 1;
    if (reports.length < limit) reports.push(reportOf(session));
  }
  return { count, sessions: reports };
}

function reportOf(session: Session): SessionReport {
  const { id, pool, route, link, state, isPlain, generation, isResumed, rehomes, tally } = session;
  return {
    id,
    pool: pool.name,
    route: route.name,
    backend: link?.backend.id ?? null,
    state,
    kind: isPlain ? 'plain' : 'sdk',
    address: addressOf(session),
    generation,
    connectedMs: Math.round(performance.now() - session.openedAtMs),
    isResumed,
    rehomes,
    messagesUp: tally.messagesUp,
    messagesDown: tally.messagesDown,
  };
}
