import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { type AdminScript, CONNECTION, openAdmin, type OpenAdmin, sendRaw, SESSION } from './testing/admin-stage.js';

const admins: OpenAdmin[] = [];

afterEach(async () => {
  for (const admin of admins.splice(0)) await admin[Symbol.asyncDispose]();
});

describe('/v1/sessions', () => {
  it('lists those that are connected, as many as asked for', async () => {
    const { get, asked } = await open();
    expect(await get('/v1/sessions')).toMatchObject({
      status: 200,
      body: { count: 1, sessions: [{ ...SESSION, worker: 1 }], next: null, unanswered: 0 },
    });
    await get('/v1/sessions?pool=chat&principal=ada%40x&kind=sdk&limit=5&after=abc');
    expect(asked).toEqual([
      { what: 'sessions', filter: {}, page: { after: undefined, limit: 100 } },
      {
        what: 'sessions',
        filter: { pool: 'chat', principal: 'ada@x', kind: 'sdk' },
        page: { after: 'abc', limit: 5 },
      },
    ]);
  });

  it.each(['limit=0', 'limit=1001', 'limit=many', 'pool=a&pool=b', 'pool=', 'pol=a'])('refuses ?%s', async (query) => {
    const { get, asked } = await open();
    expect(await get(`/v1/sessions?${query}`)).toMatchObject({
      status: 400,
      body: { error: { code: 'INVALID_QUERY' } },
    });
    expect(asked).toEqual([]);
  });

  it('shows one, and closes it', async () => {
    const { get, remove, asked } = await open();
    const here = { ...SESSION, worker: 1 };
    expect(await get('/v1/sessions/abc')).toEqual({ status: 200, body: { ...here, isHere: true } });
    expect(await remove('/v1/sessions/abc?reason=maintenance')).toEqual({ status: 200, body: { closed: here } });
    await remove('/v1/sessions/abc');
    expect(asked).toEqual([
      { what: 'session', id: 'abc' },
      { what: 'closeSession', id: 'abc', reason: 'maintenance' },
      { what: 'closeSession', id: 'abc', reason: 'closed by the operator' },
    ]);
  });

  it('refuses a reason that no close frame has room for', async () => {
    const { remove, asked } = await open();
    expect(await remove(`/v1/sessions/abc?reason=${'x'.repeat(124)}`)).toMatchObject({ status: 400 });
    expect(asked).toEqual([]);
  });

  it('says where one is that is elsewhere', async () => {
    const { get, remove } = await open();
    expect(await get('/v1/sessions/far')).toEqual({
      status: 200,
      body: {
        id: 'far',
        pool: 'chat',
        backend: 'b2',
        generation: 2,
        parked: null,
        isHere: false,
        where: { balancer: 'lb-2:7', worker: 'w9', backend: 'b2' },
      },
    });
    expect(await remove('/v1/sessions/far')).toMatchObject({
      status: 409,
      body: { error: { code: 'SESSION_ELSEWHERE', got: expect.stringContaining('lb-2:7, worker w9') } },
    });
  });

  it('is 503 where nobody can say', async () => {
    const { get } = await open();
    expect(await get('/v1/sessions/blind')).toMatchObject({
      status: 503,
      body: { error: { code: 'STATE_UNAVAILABLE', got: 'redis: timed out' } },
    });
  });

  it('knows none that nobody knows', async () => {
    const { get, remove } = await open();
    const unknown = { status: 404, body: { error: { code: 'SESSION_UNKNOWN' } } };
    expect(await get('/v1/sessions/x')).toMatchObject(unknown);
    expect(await remove('/v1/sessions/x')).toMatchObject(unknown);
  });
});

describe('/v1/connections', () => {
  it('lists, shows and closes', async () => {
    const { get, remove, asked } = await open();
    const here = { ...CONNECTION, worker: 1 };
    expect(await get('/v1/connections?address=192.0.2.1')).toEqual({
      status: 200,
      body: { count: 1, connections: [here], next: null, unanswered: 0 },
    });
    expect(await get(`/v1/connections/${CONNECTION.id}`)).toEqual({ status: 200, body: here });
    expect(await remove(`/v1/connections/${CONNECTION.id}`)).toEqual({ status: 200, body: { closed: here } });
    await remove(`/v1/connections/${CONNECTION.id}?code=4321&reason=bye`);
    expect(asked.slice(2)).toEqual([
      { what: 'closeConnection', id: CONNECTION.id, code: 1001, reason: 'closed by the operator' },
      { what: 'closeConnection', id: CONNECTION.id, code: 4321, reason: 'bye' },
    ]);
  });

  it.each(['code=1000', 'code=1006', 'code=5000', 'code=40000', 'code=x', 'force=1'])(
    'does not close with ?%s',
    async (query) => {
      const { remove, asked } = await open();
      expect(await remove(`/v1/connections/${CONNECTION.id}?${query}`)).toMatchObject({
        status: 400,
        body: { error: { code: 'INVALID_QUERY' } },
      });
      expect(asked).toEqual([]);
    },
  );

  it('knows none that is gone', async () => {
    const { get, remove } = await open();
    const unknown = { status: 404, body: { error: { code: 'CONNECTION_UNKNOWN' } } };
    expect(await get('/v1/connections/0001-mwqm4uae-0000009')).toMatchObject(unknown);
    expect(await remove('/v1/connections/nonsense')).toMatchObject(unknown);
  });
});

describe('GET /v1/config', () => {
  it('shows what is in force, without secrets', async () => {
    const { url } = await open({ token: 'a-secret-token' });
    const authorization = 'Bearer a-secret-token';
    const response = await fetch(`${url}/v1/config`, { headers: { authorization } });
    const body: unknown = await response.json();
    expect(JSON.stringify(body)).not.toContain('a-secret-token');
    expect(body).toMatchObject({
      file: 'holdfast.yaml',
      version: 1,
      config: { worker: { secrets: ['[redacted]'], logs: { level: 'debug' } }, admin: { token: '[redacted]' } },
    });
  });
});

describe('GET /', () => {
  it('is a page that asks nobody else, and runs nothing else', async () => {
    const { url } = await open({ token: 'a-secret-token' });
    const response = await fetch(url);
    const page = await response.text();
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const policy = response.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    for (const [name, text] of Object.entries({ script: inside(page, 'script'), style: inside(page, 'style') })) {
      expect(policy).toContain(`${name}-src 'sha256-${createHash('sha256').update(text).digest('base64')}'`);
    }
    expect(page).not.toMatch(/(?:src|href)="(?!data:,)|https?:(?!\/\/www\.w3\.org\/2000\/svg)/);
    expect(page).not.toContain('a-secret-token');
  });

  it('is not for a page that rebound its name', async () => {
    const { url } = await open();
    const answer = await sendRaw(
      Number(new URL(url).port),
      'GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
  });
});

async function open(script?: AdminScript): Promise<OpenAdmin> {
  const admin = await openAdmin(script);
  admins.push(admin);
  return admin;
}

function inside(page: string, name: string): string {
  return new RegExp(`<${name}>([^]*)</${name}>`).exec(page)?.[1] ?? '';
}
