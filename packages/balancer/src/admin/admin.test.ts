import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import type { AdminControl } from './control.js';
import { startAdminServer } from './server.js';
import { type AdminScript, BALANCER, CONNECTION, openAdmin, type OpenAdmin, sendRaw } from './testing/admin-stage.js';

const admins: OpenAdmin[] = [];

afterEach(async () => {
  for (const admin of admins.splice(0)) await admin[Symbol.asyncDispose]();
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
        fleet: [{ ...BALANCER, isSelf: true }],
        fleetAgeMs: 5,
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
          message: 'expected a backend; known: a, got "x" (did you mean "a"?)',
          expected: 'a backend; known: a',
          got: '"x" (did you mean "a"?)',
        },
      },
    });
    expect(await put('/v1/backends/a?pool=no', '{"weight":1}')).toMatchObject({ status: 404 });
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
    expect(await post('/v1/drain')).toMatchObject({ status: 202, body: { status: 'draining', drain: { left: 0 } } });
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

  it.each(['https://evil.example', 'null', 'http://localhost:1'])('from %s cannot change anything', async (origin) => {
    const { url, drains, changes, asked } = await open();
    const form = { origin, 'content-type': 'application/x-www-form-urlencoded' };
    const calls = [
      ['POST', '/v1/drain'],
      ['PUT', '/v1/backends/a'],
      ['DELETE', '/v1/sessions/abc'],
      ['DELETE', `/v1/connections/${CONNECTION.id}`],
    ] as const;
    for (const [method, path] of calls) {
      expect((await fetch(`${url}${path}`, { method, headers: form })).status).toBe(403);
    }
    expect([drains, changes, asked]).toEqual([[], [], []]);
  });

  it('that are the dashboard itself are let in', async () => {
    const { url, drains } = await open();
    expect((await fetch(`${url}/v1/drain`, { method: 'POST', headers: { origin: url } })).status).toBe(202);
    expect(drains).toHaveLength(1);
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
  const identity = { version: '1.2.3', file: 'holdfast.yaml' };
  const deps = { control: {} as AdminControl, identity, log: pino({ level: 'silent' }) };
  const start = startAdminServer({ host: '127.0.0.1', port, token: undefined }, deps);
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

async function open(script?: AdminScript): Promise<OpenAdmin> {
  const admin = await openAdmin(script);
  admins.push(admin);
  return admin;
}
