/**
 * The admin API on a real socket in front of a made-up fleet: one worker with one session and one relayed WebSocket. For the tests
 * of this package only.
 */
import { connect } from 'node:net';
import type {
  BalancerReport,
  ConnectionReport,
  OperatorAnswer,
  OperatorQuestion,
  SessionDetail,
  SessionLocation,
} from '@holdfast/worker';
import { pino } from 'pino';
import type { ReloadResult } from '../../supervisor/reload.js';
import type { SupervisorReport } from '../../supervisor/report.js';
import { wellReport } from '../../supervisor/testing/report.js';
import { StillDirectory, testConfig } from '../../supervisor/testing/stage.js';
import type { AdminControl } from '../control.js';
import { startAdminServer } from '../server.js';

export const SESSION: SessionDetail = {
  id: 'abc',
  pool: 'chat',
  route: 'chat',
  backend: 'b1',
  state: 'live',
  kind: 'sdk',
  address: '192.0.2.1',
  principal: null,
  generation: 1,
  connectedMs: 5,
  isResumed: false,
  rehomes: 0,
  messagesUp: 0,
  messagesDown: 0,
  bytesUp: 0,
  bytesDown: 0,
  bufferedBytes: { down: 0, up: 0 },
  silentMs: 1,
  path: '/',
  withoutBackendMs: null,
  tokenAgeMs: 5,
  topics: { count: 0, names: [] },
  trunk: null,
};
export const CONNECTION: ConnectionReport = {
  id: '0001-mwqm4uae-0000001',
  route: 'web',
  pool: 'web',
  backend: 'a',
  address: '192.0.2.1',
  requestId: 'r1',
  connectedMs: 5,
  messagesUp: 0,
  messagesDown: 0,
  bytesUp: 0,
  bytesDown: 0,
  bufferedBytes: { down: 0, up: 0 },
};
export const BALANCER: BalancerReport = {
  balancer: 'lb-1:1',
  status: 'ready',
  version: '1.2.3',
  workers: 1,
  sessions: 0,
  connections: 0,
  seenMs: 5,
};
const LOCATIONS: Readonly<Record<string, SessionLocation>> = {
  far: {
    is: 'known',
    session: { id: 'far', pool: 'chat', backend: 'b2', generation: 2, worker: 'w9', balancer: 'lb-2:7', parked: null },
  },
  blind: { is: 'unavailable', detail: 'redis: timed out' },
};
const IDENTITY = { version: '1.2.3', file: 'holdfast.yaml' };

export interface AdminScript {
  readonly token?: string;
  readonly report?: Partial<SupervisorReport>;
  readonly reload?: ReloadResult | undefined;
  readonly metrics?: () => Promise<string>;
}

export interface AdminAnswerSeen {
  readonly status: number;
  readonly body: unknown;
}

export interface OpenAdmin extends AsyncDisposable {
  readonly url: string;
  readonly changes: unknown[];
  readonly drains: string[];
  readonly asked: unknown[];
  readonly get: (path: string) => Promise<AdminAnswerSeen>;
  readonly put: (path: string, body: string) => Promise<AdminAnswerSeen>;
  readonly post: (path: string) => Promise<AdminAnswerSeen>;
  readonly remove: (path: string) => Promise<AdminAnswerSeen>;
}

export function sendRaw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.end(text));
    socket.on('data', (chunk) => {
      answer += chunk.toString();
    });
    socket.once('close', () => resolve(answer));
    socket.once('error', reject);
  });
}

export async function openAdmin(script: AdminScript = {}): Promise<OpenAdmin> {
  const parts = control(script);
  const config = { host: '127.0.0.1', port: 0, token: script.token };
  const log = pino({ level: 'silent' });
  const server = await startAdminServer(config, { control: parts.control, identity: IDENTITY, log });
  const url = `http://127.0.0.1:${server.port}`;
  const ask = async (path: string, init: RequestInit): Promise<AdminAnswerSeen> => {
    const response = await fetch(`${url}${path}`, init);
    return { status: response.status, body: await response.json() };
  };
  return {
    url,
    changes: parts.changes,
    drains: parts.drains,
    asked: parts.asked,
    remove: (path) => ask(path, { method: 'DELETE' }),
    get: (path) => ask(path, {}),
    put: (path, body) => ask(path, { method: 'PUT', body }),
    post: (path) => ask(path, { method: 'POST' }),
    [Symbol.asyncDispose]: () => server.close(),
  };
}

/** What a worker says that has one session and one connection. */
function answerTo(question: OperatorQuestion): OperatorAnswer {
  switch (question.what) {
    case 'sessions':
      return { what: 'sessions', found: { count: 1, reports: [SESSION], hasMore: false } };
    case 'session':
    case 'closeSession':
      return { what: 'session', session: question.id === SESSION.id ? SESSION : undefined };
    case 'locate':
      return { what: 'located', location: LOCATIONS[question.id] ?? { is: 'unknown' } };
    case 'connections':
      return { what: 'connections', found: { count: 1, reports: [CONNECTION], hasMore: false } };
    case 'connection':
    case 'closeConnection':
      return { what: 'connection', connection: question.id === CONNECTION.id ? CONNECTION : undefined };
    case 'trunks':
      return { what: 'trunks', trunks: [] };
    case 'fleet':
      return { what: 'fleet', fleet: { self: 'lb-1:1', ageMs: 5, balancers: [BALANCER] } };
  }
}

function control(script: AdminScript): Pick<OpenAdmin, 'changes' | 'drains' | 'asked'> & { control: AdminControl } {
  const changes: unknown[] = [];
  const asked: unknown[] = [];
  const drains: string[] = [];
  const directory = new StillDirectory();
  const admin: AdminControl = {
    report: () => ({ ...wellReport(), ...script.report }),
    setOverride: (id, change) => {
      changes.push([id, change]);
      return directory.setOverride(id);
    },
    reload: () => Promise.resolve(script.reload),
    drain: (why) => void drains.push(why),
    replaceWorkers: (why) => {
      asked.push(why);
      return 'started';
    },
    metrics: script.metrics ?? (() => Promise.resolve('')),
    askAll: (question) => {
      if (question.what !== 'trunks') asked.push(question);
      return Promise.resolve([{ worker: 1, answer: answerTo(question) }]);
    },
    askAny: (question) => Promise.resolve(answerTo(question)),
    config: () => ({ ...testConfig(), admin: { host: '127.0.0.1', port: 0, token: script.token } }),
    topics: () => Promise.resolve({ what: 'unavailable', detail: 'no topics in this test' }),
  };
  return { control: admin, changes, drains, asked };
}
