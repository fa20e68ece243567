/** An operator's questions to this worker, each to the part that knows. */
import type { OperatorAnswer, OperatorQuestion } from './control/operator-questions.js';
import type { ConnectionReports } from './relay/connection-reports.js';
import { closeSession, describeSession, listSessions } from './session/reports.js';
import type { Sessions } from './session/sessions.js';
import { trunkReport } from './trunk/report.js';

export interface OperatorParts {
  readonly sessions: Sessions;
  readonly connections: ConnectionReports;
}

/** Never rejects. */
export async function answerOperator(
  { sessions, connections }: OperatorParts,
  question: OperatorQuestion,
): Promise<OperatorAnswer> {
  switch (question.what) {
    case 'sessions':
      return { what: 'sessions', found: listSessions(sessions, question.filter, question.page) };
    case 'session':
      return { what: 'session', session: describeSession(sessions, question.id) };
    case 'closeSession':
      return { what: 'session', session: closeSession(sessions, question.id, question.reason) };
    case 'locate':
      return { what: 'located', location: await sessions.locate(question.id) };
    case 'connections':
      return { what: 'connections', found: connections.list(question.filter, question.page) };
    case 'connection':
      return { what: 'connection', connection: connections.find(question.id) };
    case 'closeConnection':
      return { what: 'connection', connection: connections.close(question.id, question.code, question.reason) };
    case 'trunks':
      return { what: 'trunks', trunks: [...sessions.links].map((link) => trunkReport(link)) };
    case 'fleet':
      return { what: 'fleet', fleet: sessions.fleet };
  }
}
