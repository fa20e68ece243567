/** What an operator sees of sessions, and does to them. */
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAll, readPage } from '../support/admin-lists.js';
import { startPair } from '../support/balancer-pair.js';
import { Cleanup } from '../support/cleanup.js';
import { eventually } from '../support/eventually.js';
import { type Holdfast, type HoldfastConfig, startHoldfast } from '../support/holdfast.js';
import { startRedis } from '../support/redis.js';
import { RawSession } from '../support/sessions/raw-session.js';
import { SessionFleet } from '../support/sessions/session-fleet.js';

const JWT_SECRET = 'a secret for tokens of this test';
const PATIENCE = { withinMs: 20_000 };

describe('sessions, as an operator sees them', () => {
  const cleanup = new Cleanup();
  let fleet: SessionFleet;
  let holdfast: Holdfast;

  beforeAll(async () => {
    fleet = cleanup.use(await SessionFleet.start(2));
    holdfast = cleanup.use(await startHoldfast(chatOf(fleet, { workers: 2 })));
  });

  afterAll(() => cleanup[Symbol.asyncDispose]());

  it('are listed in pages that together are all of them, once and in order', async () => {
    await using open = await openSessions(holdfast, 25);
    const all = await readAll(holdfast, 'sessions', 4);
    const ids = all.map(({ id }) => id);
    expect(ids).toEqual(open.ids);
    expect(new Set(all.map(({ worker }) => worker)).size).toBe(2);
    expect(all[0]).toMatchObject({ pool: 'chat', route: 'chat', state: 'live', kind: 'sdk', address: '127.0.0.1' });
  });

  it('are found by pool, backend, principal, kind, state and address', async () => {
    await using open = await openSessions(holdfast, 8);
    await using ada = await RawSession.open(holdfast.wsUrl('/members'), { auth: tokenFor('ada') });
    await using bob = await RawSession.open(holdfast.wsUrl('/members'), { auth: tokenFor('bob "b"') });
    const countOf = async (query: Record<string, string>): Promise<number> =>
      (await readPage(holdfast, 'sessions', query)).count;
    expect(await countOf({})).toBe(10);
    expect(await countOf({ pool: 'chat' })).toBe(8);
    expect(await countOf({ route: 'members' })).toBe(2);
    const perBackend = await Promise.all(fleet.urls.map((url) => countOf({ backend: new URL(url).host })));
    expect(perBackend.reduce((a, b) => a + b)).toBe(10);
    expect(await countOf({ principal: 'ada' })).toBe(1);
    const found = await readPage(holdfast, 'sessions', { principal: 'bob "b"' });
    expect(found.items.map(({ id }) => id)).toEqual([idOf(bob)]);
    expect(await countOf({ principal: 'ad' })).toBe(0);
    expect(await countOf({ kind: 'plain' })).toBe(0);
    expect(await countOf({ state: 'live', kind: 'sdk', address: '127.0.0.1' })).toBe(10);
    expect(await countOf({ address: '127.0.0.2' })).toBe(0);
    expect([open.ids.length, idOf(ada)]).toEqual([8, expect.any(String)]);
  });

  it('are shown one by one, with what is between their ends', async () => {
    await using session = await RawSession.open(holdfast.wsUrl('/members'), { auth: tokenFor('eve') });
    const { status, body } = await holdfast.admin(`/v1/sessions/${idOf(session)}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      id: idOf(session),
      isHere: true,
      pool: 'members',
      principal: 'eve',
      path: '/members',
      bufferedBytes: { up: 0, down: 0 },
      topics: { count: 0, names: [] },
      withoutBackendMs: null,
      trunk: { state: 'ready' },
    });
    const { tokenAgeMs, silentMs } = body as { tokenAgeMs: number; silentMs: number };
    expect(tokenAgeMs).toBeLessThan(30_000);
    expect(silentMs).toBeLessThan(30_000);
    // Nothing of the credentials that its client came with.
    expect(JSON.stringify(body)).not.toContain(tokenFor('eve'));
  });

  it('are killed for good', async () => {
    await using session = await RawSession.open(holdfast.wsUrl('/chat'));
    const { resumption } = session;
    const answer = await holdfast.admin(`/v1/sessions/${idOf(session)}?reason=moved%20out`, { method: 'DELETE' });
    expect(answer).toMatchObject({ status: 200, body: { closed: { id: idOf(session) } } });
    expect(await session.untilClosed()).toEqual({ code: 1000, reason: 'moved out' });
    await eventually(async () => {
      expect((await holdfast.admin(`/v1/sessions/${idOf(session)}`)).status).toBe(404);
    }, PATIENCE);
    // Who comes back with its token gets another one.
    await using again = await RawSession.open(holdfast.wsUrl('/chat'), { resume: resumption });
    expect(idOf(again)).not.toBe(idOf(session));
  });

  it('are told of while their client is away', async () => {
    await using session = await RawSession.open(holdfast.wsUrl('/chat'));
    session.cut();
    const answer = await eventually(async () => {
      const found = await holdfast.admin(`/v1/sessions/${idOf(session)}`);
      expect(found.body).toMatchObject({ isHere: false });
      return found;
    }, PATIENCE);
    expect(answer).toMatchObject({ status: 200, body: { pool: 'chat', where: { backend: expect.any(String) } } });
    const refused = await holdfast.admin(`/v1/sessions/${idOf(session)}`, { method: 'DELETE' });
    expect(refused).toMatchObject({ status: 409, body: { error: { code: 'SESSION_ELSEWHERE' } } });
  });

  it('are listed without those of a worker that is blocked, which is said', async () => {
    await using open = await openSessions(holdfast, 12);
    const [pid] = holdfast.workerPids();
    process.kill(pid!, 'SIGSTOP');
    try {
      const { items, unanswered } = await readPage(holdfast, 'sessions');
      expect(unanswered).toBe(1);
      expect(items.length).toBeLessThan(open.ids.length);
      expect((await holdfast.admin('/v1/status')).status).toBe(200);
    } finally {
      process.kill(pid!, 'SIGCONT');
    }
    await eventually(async () => expect((await readPage(holdfast, 'sessions')).unanswered).toBe(0), PATIENCE);
  });

  it('show in the list of backends, with trunks of every worker', async () => {
    await using open = await openSessions(holdfast, 6);
    const { body } = await holdfast.admin('/v1/backends?pool=chat');
    const { backends, unanswered } = body as {
      backends: { sessions: number; trunk: { ready: number; of: number }; trunks: { worker: number }[] }[];
      unanswered: number;
    };
    expect(unanswered).toBe(0);
    expect(backends).toHaveLength(2);
    expect(backends.reduce((sum, { sessions }) => sum + sessions, 0)).toBeGreaterThanOrEqual(open.ids.length);
    for (const { trunk, trunks } of backends) {
      expect(trunk).toMatchObject({ ready: 2, of: 2 });
      expect(trunks.map(({ worker }) => worker)).toEqual([1, 2]);
    }
  });
});

it('a session at another balancer is found there, and killed there alone', async () => {
  await using cleanup = new Cleanup();
  const fleet = cleanup.use(await SessionFleet.start(1));
  const redis = cleanup.use(await startRedis());
  const config = chatOf(fleet, { state: redis.url });
  const { one: here, two: there } = cleanup.use(await startPair(config));
  const session = cleanup.use(await RawSession.open(there.wsUrl('/chat')));
  const found = await eventually(async () => {
    const answer = await here.admin(`/v1/sessions/${idOf(session)}`);
    expect(answer.body).toMatchObject({ isHere: false, where: { balancer: expect.stringMatching(`:${there.pid}$`) } });
    return answer;
  }, PATIENCE);
  expect(found.status).toBe(200);
  const refused = await here.admin(`/v1/sessions/${idOf(session)}`, { method: 'DELETE' });
  expect(refused).toMatchObject({ status: 409, body: { error: { got: expect.stringContaining(`:${there.pid}`) } } });
  expect(session.closed).toBeUndefined();
  expect((await there.admin(`/v1/sessions/${idOf(session)}`, { method: 'DELETE' })).status).toBe(200);
  expect((await session.untilClosed()).code).toBe(1000);
});

function chatOf(fleet: SessionFleet, more: object): HoldfastConfig {
  const pool = { kind: 'session', backends: fleet.urls, health: false };
  return {
    routes: [
      { match: { path: '/members' }, pool: 'members', auth: { jwt: { secret: JWT_SECRET } } },
      { match: { path: '/' }, pool: 'chat' },
    ],
    pools: { chat: pool, members: pool },
    ...more,
  };
}

interface OpenSessions extends AsyncDisposable {
  /** In order. */
  readonly ids: readonly string[];
}

async function openSessions(holdfast: Holdfast, count: number): Promise<OpenSessions> {
  const cleanup = new Cleanup();
  const ids: string[] = [];
  for (let i = 0; i < count; i += 1) ids.push(idOf(cleanup.use(await RawSession.open(holdfast.wsUrl('/chat')))));
  await eventually(async () => expect((await readPage(holdfast, 'sessions')).count).toBe(count), PATIENCE);
  return { ids: ids.sort(), [Symbol.asyncDispose]: () => end(holdfast, cleanup) };
}

/** Until the balancer has seen them go: the next test counts anew. */
async function end(holdfast: Holdfast, cleanup: Cleanup): Promise<void> {
  await cleanup[Symbol.asyncDispose]();
  await eventually(
    async () => expect((await readPage(holdfast, 'sessions', { route: 'chat' })).count).toBe(0),
    PATIENCE,
  );
}

function idOf({ welcome }: RawSession): string {
  return welcome?.session ?? '';
}

function tokenFor(subject: string): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: subject, exp: 4_102_444_800 })}`;
  return `${signed}.${createHmac('sha256', JWT_SECRET).update(signed).digest('base64url')}`;
}
