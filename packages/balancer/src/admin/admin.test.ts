import { readdir, readFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import type { ReloadResult } from '../supervisor/reload.js';
import type { SupervisorReport } from '../supervisor/report.js';
import { wellReport } from '../supervisor/testing/report.js';
import { StillDirectory } from '../supervisor/testing/stage.js';
import type { AdminControl } from './control.js';
import { type AdminServer, startAdminServer } from './server.js';

const log = pino({ level: 'silent' });
const SESSION = {
  id: 'abc',
  pool: 'chat',
  route: 'chat',
  backend: 'b1',
  state: 'live',
  kind: 'sdk' as const,
  address: '192.0.2.1',
  generation: 1,
  connectedMs: 5,
  isResumed: false,
  rehomes: 0,
  messagesUp: 0,
  messagesDown: 0,
  worker: 1,
};
const identity = { version: '1.2.3', file: 'holdfast.yaml' };
const servers: AdminServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

describe('probes', () => {
  it('say that the process is up, and whether it is ready', async () => {
    const { get } = await open();
    expect(await get('/healthz')).toEqual({ status: 200, body: { status: 'ok' } });
    expect(await get('/readyz')).toEqual({
      status: 200,
      body: { status: 'ready', checks: { workers: { status: 'ok' }, sharedState: { status: 'ok' } } },
    });
  });

  it.each(['starting', 'draining'] as const)('are 503 while %s', async (lifecycle) => {
    const { get } = await open({ report: { lifecycle } });
    expect(await get('/readyz')).toMatchObject({ status: 503, body: { status: lifecycle } });
    expect(await get('/healthz')).toMatchObject({ status: 200 });
  });

  it('stay 200 and say what is degraded', async () => {
    const { get } = await open({ report: { stateHealth: { status: 'degraded', detail: 'timed out' } } });
    expect(await get('/readyz')).toMatchObject({
      status: 200,
      body: { status: 'degraded', checks: { sharedState: { detail: 'embedded: timed out' } } },
    });
  });

  it('answer HEAD', async () => {
    const { url } = await open();
    const response = await fetch(`${url}/readyz`, { method: 'HEAD' });
    expect([response.status, await response.text()]).toEqual([200, '']);
  });
});

describe('/v1/status', () => {
  it('shows workers, backends and config', async () => {
    const { get } = await open();
    expect(await get('/v1/status')).toMatchObject({
      status: 200,
      body: {
        status: 'ready',
        version: '1.2.3',
        config: { file: 'holdfast.yaml', version: 1, lastReload: null },
        state: { engine: 'embedded', status: 'ok' },
        workers: [{ id: 1, pid: 7, state: 'listening' }],
        backends: [{ pool: 'web', id: 'a', state: 'ready', load: 3 }],
      },
    });
  });
});

describe('PUT /v1/backends/:id', () => {
  it('changes a backend', async () => {
    const { put, changes } = await open();
    const answer = await put('/v1/backends/a', '{"state":"draining","weight":5}');
    expect(answer).toEqual({ status: 200, body: { changed: [{ pool: 'web', id: 'a' }] } });
    expect(await put('/v1/backends/a?pool=web', '{"state":"ready"}')).toMatchObject({ status: 200 });
    expect(changes).toEqual([
      ['a', { state: 'draining', weight: 5 }],
      ['a', { state: 'ready', pool: 'web' }],
    ]);
  });

  it.each<[string, string, number, string]>([
    ['no body', '', 400, 'expected a JSON object, got nothing'],
    ['no JSON', '{', 400, 'expected a body of JSON, got "{"'],
    ['a list', '[]', 400, 'expected a JSON object, got []'],
    ['nothing to change', '{}', 400, 'expected state, weight or both, got {}'],
    ['an unknown key', '{"stat":1}', 400, 'expected only the keys state and weight, got "stat"'],
    ['an unknown state', '{"state":"up"}', 400, 'expected state: one of ready, draining, maintenance, got "up"'],
    ['a bad weight', '{"weight":1.5}', 400, 'expected weight: a whole number from 0 to 1000, got 1.5'],
    ['a huge body', JSON.stringify({ state: 'x'.repeat(70_000) }), 413, 'expected a body of at most 65536 bytes'],
  ])('refuses %s', async (_, body, status, message) => {
    const { put, changes } = await open();
    const answer = await put('/v1/backends/a', body);
    expect(answer).toMatchObject({ status, body: { error: { message: expect.stringContaining(message) } } });
    expect(changes).toEqual([]);
  });

  it('names the known ids for an unknown one', async () => {
    const { put } = await open();
    expect(await put('/v1/backends/x', '{"weight":1}')).toEqual({
      status: 404,
      body: {
        error: {
          code: 'BACKEND_UNKNOWN',
          message: 'expected a backend; known: a, got "x"',
          expected: 'a backend; known: a',
          got: '"x"',
        },
      },
    });
    expect(await put('/v1/backends/a?pool=no', '{"weight":1}')).toMatchObject({ status: 404 });
  });
});

describe('/v1/sessions', () => {
  it('lists those that are connected, as many as asked for', async () => {
    const { get, asked } = await open();
    expect(await get('/v1/sessions')).toMatchObject({
      status: 200,
      body: { count: 1, sessions: [SESSION], unanswered: 0 },
    });
    await get('/v1/sessions?pool=chat&limit=5');
    expect(asked).toEqual([
      { what: 'list', limit: 100 },
      { what: 'list', pool: 'chat', limit: 5 },
    ]);
  });

  it.each(['limit=0', 'limit=1001', 'limit=many', 'pool=a&pool=b'])('refuses ?%s', async (query) => {
    const { get, asked } = await open();
    expect(await get(`/v1/sessions?${query}`)).toMatchObject({
      status: 400,
      body: { error: { code: 'INVALID_QUERY' } },
    });
    expect(asked).toEqual([]);
  });

  it('shows one, and closes it', async () => {
    const { get, remove, asked } = await open();
    expect(await get('/v1/sessions/abc')).toEqual({ status: 200, body: SESSION });
    expect(await remove('/v1/sessions/abc')).toEqual({ status: 200, body: { closed: SESSION } });
    expect(asked).toEqual([
      { what: 'find', sessionId: 'abc' },
      { what: 'close', sessionId: 'abc' },
    ]);
  });

  it('knows none that is elsewhere', async () => {
    const { get, remove } = await open();
    const unknown = { status: 404, body: { error: { code: 'SESSION_UNKNOWN' } } };
    expect(await get('/v1/sessions/x')).toMatchObject(unknown);
    expect(await remove('/v1/sessions/x')).toMatchObject(unknown);
  });
});

describe('actions', () => {
  it('reload and say what took effect', async () => {
    const { post } = await open({ reload: { ok: true, configVersion: 2, warnings: [], needsRestart: ['listen'] } });
    const answer = await post('/v1/reload');
    expect(answer).toEqual({ status: 200, body: { configVersion: 2, warnings: [], needsRestart: ['listen'] } });
  });

  it('reload and list the mistakes', async () => {
    const mistake = { file: 'h.yaml', line: 2, column: 3, path: 'routes', expected: 'a list', got: 'nothing' };
    const { post } = await open({ reload: { ok: false, mistakes: [mistake] } });
    expect(await post('/v1/reload')).toMatchObject({
      status: 422,
      body: { error: { code: 'CONFIG_REJECTED', got: '1 mistake', mistakes: [{ line: 2, path: 'routes' }] } },
    });
  });

  it('do not reload while draining', async () => {
    const { post } = await open({ reload: undefined });
    expect(await post('/v1/reload')).toMatchObject({ status: 409, body: { error: { code: 'DRAINING' } } });
  });

  it('drain', async () => {
    const { post, drains } = await open();
    expect(await post('/v1/drain')).toEqual({ status: 202, body: { status: 'draining' } });
    expect(drains).toEqual(['POST /v1/drain']);
  });
});

describe('callers', () => {
  it('need the token where there is one, except for probes', async () => {
    const { get, url } = await open({ token: 'a-secret-token' });
    expect(await get('/healthz')).toMatchObject({ status: 200 });
    expect(await get('/readyz')).toMatchObject({ status: 200 });
    for (const path of ['/v1/status', '/metrics', '/no/such']) {
      expect(await get(path)).toMatchObject({ status: 401, body: { error: { code: 'UNAUTHORIZED' } } });
    }
    const status = async (authorization: string): Promise<number> =>
      (await fetch(`${url}/v1/status`, { headers: { authorization } })).status;
    expect(await status('Bearer a-secret-token')).toBe(200);
    expect(await status('bearer a-secret-token')).toBe(200);
    expect(await status('Bearer a-secret-tokem')).toBe(401);
    expect(await status('Basic a-secret-token')).toBe(401);
  });

  it('that are pages of another site are refused', async () => {
    const { url } = await open();
    const response = await fetch(`${url}/v1/drain`, { method: 'POST', headers: { origin: 'https://evil.example' } });
    expect([response.status, await response.json()]).toMatchObject([403, { error: { code: 'FORBIDDEN_ORIGIN' } }]);
  });

  it('that ask for what is not there are told what is', async () => {
    const { get } = await open();
    expect(await get('/v1/session')).toMatchObject({
      status: 404,
      body: { error: { code: 'NOT_FOUND', expected: expect.stringContaining('/v1/status'), got: 'GET "/v1/session"' } },
    });
  });

  it.each(['GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n', 'nonsense\r\n\r\n'])(
    'that send %j are answered',
    async (text) => {
      const { url } = await open();
      const answer = await sendRaw(Number(new URL(url).port), text);
      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
      expect(JSON.parse(answer.slice(answer.indexOf('{')))).toMatchObject({ error: { code: 'BAD_REQUEST' } });
    },
  );

  it('learn nothing of an internal error', async () => {
    const { get } = await open({ metrics: () => Promise.reject(new Error('secret detail')) });
    const answer = await get('/metrics');
    expect(answer).toMatchObject({ status: 500, body: { error: { code: 'INTERNAL' } } });
    expect(JSON.stringify(answer)).not.toContain('secret detail');
  });
});

it('says so when the port is taken', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => holder.once('listening', resolve));
  const { port } = holder.address() as { port: number };
  const start = startAdminServer(
    { host: '127.0.0.1', port, token: undefined },
    { control: control({}).control, identity, log },
  );
  await expect(start).rejects.toThrow(`expected to listen on 127.0.0.1:${port}, got a port that another process uses`);
  holder.close();
});

it('explains every error code in the README', async () => {
  const folder = new URL('.', import.meta.url);
  const files = (await readdir(folder, { recursive: true })).filter((name) => /(?<!\.test)\.ts$/.test(name));
  const sources = await Promise.all(files.map((name) => readFile(new URL(name, folder), 'utf8')));
  const codes = new Set(sources.join('\n').match(/(?<=code: ')[A-Z_]+(?=')/g));
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
  expect(codes.size).toBeGreaterThan(8);
  expect([...codes].filter((code) => !readme.includes(`\`${code}\``))).toEqual([]);
});

interface Script {
  readonly token?: string;
  readonly report?: Partial<SupervisorReport>;
  readonly reload?: ReloadResult | undefined;
  readonly metrics?: () => Promise<string>;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

interface OpenAdmin {
  readonly url: string;
  readonly changes: unknown[];
  readonly drains: string[];
  readonly asked: unknown[];
  readonly get: (path: string) => Promise<Answer>;
  readonly put: (path: string, body: string) => Promise<Answer>;
  readonly post: (path: string) => Promise<Answer>;
  readonly remove: (path: string) => Promise<Answer>;
}

function sendRaw(port: number, text: string): Promise<string> {
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

async function open(script: Script = {}): Promise<OpenAdmin> {
  const parts = control(script);
  const config = { host: '127.0.0.1', port: 0, token: script.token };
  const server = await startAdminServer(config, { control: parts.control, identity, log });
  servers.push(server);
  const url = `http://127.0.0.1:${server.port}`;
  const ask = async (path: string, init: RequestInit): Promise<Answer> => {
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
  };
}

function control(script: Script): Pick<OpenAdmin, 'changes' | 'drains' | 'asked'> & { control: AdminControl } {
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
    metrics: script.metrics ?? (() => Promise.resolve('')),
    sessions: (question) => {
      asked.push(question);
      const isThere = question.what === 'list' || question.sessionId === SESSION.id;
      return Promise.resolve({ count: isThere ? 1 : 0, sessions: isThere ? [SESSION] : [], unanswered: 0 });
    },
    topics: () => Promise.resolve({ what: 'unavailable', detail: 'no topics in this test' }),
  };
  return { control: admin, changes, drains, asked };
}
