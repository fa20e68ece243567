/** What only a real Redis can show of sessions and leases: foreign values under our keys, and that both engines agree. */
import * as fc from 'fast-check';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commitOf, counters, entriesOf, newSession, parkOf, rebindOf, resumeOf } from '../contract/session-fixtures.js';
import { createEmbeddedState } from '../embedded/client.js';
import { handleCall } from '../embedded/server.js';
import { EmbeddedStore } from '../embedded/store.js';
import { MAX_LEASES } from '../lease-store.js';
import type { NewSession, SessionStore, TailEntry } from '../session-store.js';
import { startRedisServer, type RedisServer } from '../testing/redis-server.js';
import { healthyState, operatorOf } from '../testing/states.js';
import { leasesKey, sessionKeys } from './keys.js';

let server: RedisServer;
beforeAll(async () => void (server = await startRedisServer()));
afterAll(() => server?.stop());

const NOT_OURS = { code: 'STATE_INVALID_VALUE', retryable: false };

describe('what another program stored', () => {
  it.each<[string, (redis: Redis, record: string) => Promise<unknown>]>([
    ['a generation that is no number', (redis, record) => redis.hset(record, 'generation', 'x')],
    ['a generation beyond all', (redis, record) => redis.hset(record, 'generation', '99999999999999999')],
    ['a counter that is no number', (redis, record) => redis.hset(record, 'parkedHandled', '1e3')],
    ['a flag that is none', (redis, record) => redis.hset(record, 'parkedComplete', 'yes')],
    ['a checkpoint without state', (redis, record) => redis.hdel(record, 'checkpointState')],
    ['a checkpoint with too much state', (redis, record) => redis.hset(record, 'checkpointState', 'x'.repeat(65_537))],
    ['no backend', (redis, record) => redis.hdel(record, 'backend')],
    ['an empty pool', (redis, record) => redis.hset(record, 'pool', '')],
    ['another type', (redis, record) => redis.multi().del(record).lpush(record, 'x').exec()],
  ])('is not believed in a record: %s', async (_, spoil) => {
    const state = await healthyState(server.url);
    const session = await fullSession(state.sessions);
    await spoil(operatorOf(server), sessionKeys('test:', session.sessionId).record);
    await expect(state.sessions.lookup(session.sessionId)).rejects.toMatchObject(NOT_OURS);
    await expect(state.sessions.resume(resumeOf(session))).rejects.toMatchObject(NOT_OURS);
    expect(state.health.status).toBe('ok');
  });

  it.each<[string, (sessions: SessionStore, session: NewSession) => Promise<unknown>]>([
    ['create', (sessions, session) => sessions.create(session)],
    ['rebind', (sessions, session) => sessions.rebind(rebindOf(session))],
    ['park', (sessions, session) => sessions.park(parkOf(session))],
    ['commit', (sessions, session) => sessions.commit(commitOf(session))],
    ['remove', (sessions, session) => sessions.remove(session.sessionId, 1)],
  ])('is not built upon by %s, nor taken for a failure of the server', async (_, call) => {
    const state = await healthyState(server.url);
    const session = await fullSession(state.sessions);
    await operatorOf(server).hset(sessionKeys('test:', session.sessionId).record, 'generation', 'x');
    await expect(call(state.sessions, session)).rejects.toMatchObject(NOT_OURS);
    expect(state.health.status).toBe('ok');
  });

  it.each<[string, (redis: Redis, tail: string) => Promise<unknown>]>([
    ['an id that is no message number', (redis, tail) => redis.xadd(tail, '9-9', 't', 'x')],
    ['a kind that is none', (redis, tail) => redis.xadd(tail, '3-0', 'x', 'x')],
    ['a hole', (redis, tail) => redis.xadd(tail, '4-0', 't', 'x')],
    ['too many bytes', (redis, tail) => redis.xadd(tail, '3-0', 't', 'x'.repeat(1024 * 1024))],
    ['another type', (redis, tail) => redis.set(tail, 'x')],
  ])('is not believed in a tail: %s', async (_, spoil) => {
    const state = await healthyState(server.url);
    const session = await fullSession(state.sessions);
    await spoil(operatorOf(server), sessionKeys('test:', session.sessionId).tail);
    await expect(state.sessions.readTail(session.sessionId, 0)).rejects.toMatchObject(NOT_OURS);
    expect(state.health.status).toBe('ok');
  });

  it('is swept out of the leases, or refused there', async () => {
    const state = await healthyState(server.url);
    const [redis, key] = [operatorOf(server), leasesKey('test:')];
    await redis.hset(key, { foreign: 'x', old: '1:worker:{}' });
    const lease = { id: 'mine', kind: 'worker', info: '', ttlMs: 60_000 } as const;
    expect(await state.leases.renew(lease)).toEqual([{ id: 'mine', kind: 'worker', info: '' }]);
    await redis.hset(key, 'foreign', '99999999999999:stranger:{}');
    await expect(state.leases.renew(lease)).rejects.toMatchObject(NOT_OURS);
    await redis.del(key);
  });
});

it('refuses one lease too many, and counts only those that are alive', async () => {
  const state = await healthyState(server.url);
  const [redis, key] = [operatorOf(server), leasesKey('test:')];
  const endsAt = Date.now() + 60_000;
  const others = Array.from({ length: MAX_LEASES }, (_, i) => [`w${i}`, `${endsAt}:worker:`] as const);
  await redis.hset(key, Object.fromEntries(others));
  const lease = { id: 'late', kind: 'worker', info: '', ttlMs: 60_000 } as const;
  await expect(state.leases.renew(lease)).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE', retryable: true });
  expect(state.health.status).toBe('ok');
  await redis.hset(key, 'w0', '1:worker:');
  expect(await state.leases.renew(lease)).toHaveLength(MAX_LEASES);
  await redis.del(key);
});

it('a tail whose key is gone, as under memory pressure, is short and never has a hole', async () => {
  const state = await healthyState(server.url);
  const session = await fullSession(state.sessions);
  await operatorOf(server).del(sessionKeys('test:', session.sessionId).tail);
  expect(await state.sessions.readTail(session.sessionId, 0)).toEqual([]);
  const more = { entries: entriesOf(3, 3), counters: counters({ lastDown: 3, handled: 1 }) };
  expect(await state.sessions.park(parkOf(session, more))).toBe('parked');
  expect(await state.sessions.readTail(session.sessionId, 0)).toHaveLength(1);
});

it('answers any sequence of calls as the embedded engine does', async () => {
  const redis = await healthyState(server.url);
  const store = new EmbeddedStore();
  const embedded = createEmbeddedState({ call: async (method, args) => handleCall(store, method, args) });
  let run = 0;
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(anyCall, { maxLength: 25 }), async (calls) => {
        const sessionId = `equal-${(run += 1)}`;
        for (const call of calls) {
          const answers = await Promise.all(
            [redis, embedded].map(({ sessions }) => answerOf(call(sessions, sessionId))),
          );
          expect(answers[0]).toEqual(answers[1]);
        }
      }),
      { numRuns: 300 },
    );
  } finally {
    await embedded.close();
    store.close();
  }
}, 30_000);

type Call = (sessions: SessionStore, sessionId: string) => Promise<unknown>;

const few = (max: number) => fc.integer({ min: 1, max });
const anyName = fc.constantFrom('a', 'b');
const anyCounters = fc.record({
  handled: few(3),
  received: few(3),
  lastDown: few(3),
  ackedDown: few(3),
  isComplete: fc.boolean(),
  state: fc.option(anyName, { nil: undefined }),
});
const anyEntries = fc.tuple(few(6), fc.integer({ min: 0, max: 3 }));
/** Generations and numbers are so few that they meet: what matters is which is lower. */
const anyCall: fc.Arbitrary<Call> = fc.oneof(
  fc.tuple(anyName, fc.option(few(4), { nil: undefined })).map(
    ([workerId, minGeneration]): Call =>
      (sessions, sessionId) =>
        sessions.create(newSession({ sessionId, workerId, minGeneration })),
  ),
  fc.tuple(anyName, few(5)).map(
    ([workerId, generation]): Call =>
      (sessions, sessionId) =>
        sessions.resume(resumeOf(newSession({ sessionId }), { workerId, hint: { generation } })),
  ),
  few(5).map(
    (expectedGeneration): Call =>
      (sessions, sessionId) =>
        sessions.rebind(rebindOf(newSession({ sessionId }), { expectedGeneration })),
  ),
  fc
    .tuple(few(5), anyEntries, anyCounters)
    .map(([generation, [first, count], parked]): Call => (sessions, sessionId) => {
      const entries = entriesOf(first, first + count - 1);
      return sessions.park(parkOf(newSession({ sessionId }), { generation, entries, counters: parked }));
    }),
  fc.tuple(few(5), few(3), anyName).map(
    ([generation, handled, state]): Call =>
      (sessions, sessionId) =>
        sessions.commit(commitOf(newSession({ sessionId }), { generation, handled, state })),
  ),
  few(8).map(
    (after): Call =>
      (sessions, sessionId) =>
        sessions.readTail(sessionId, after - 1),
  ),
  fc.constant<Call>((sessions, sessionId) => sessions.lookup(sessionId)),
  few(5).map(
    (generation): Call =>
      (sessions, sessionId) =>
        sessions.remove(sessionId, generation),
  ),
);

/** Errors by their code; buffers of either kind as their bytes. */
async function answerOf(answer: Promise<unknown>): Promise<unknown> {
  try {
    const value = await answer;
    return Array.isArray(value)
      ? (value as TailEntry[]).map(({ data, ...entry }) => ({ ...entry, data: [...data] }))
      : value;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

/** With a checkpoint, parked counters and a tail of two. */
async function fullSession(sessions: SessionStore): Promise<NewSession> {
  const session = newSession();
  await sessions.create(session);
  await sessions.commit(commitOf(session));
  await sessions.park(parkOf(session, { entries: entriesOf(1, 2), counters: counters({ lastDown: 2 }) }));
  return session;
}
