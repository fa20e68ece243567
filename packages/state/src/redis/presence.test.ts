/** What presence is in Redis: large topics in small steps, and no error that would not pass by itself. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { earOf, newTopic, range } from '../contract/topic-fixtures.js';
import { MAX_PRESENCE_MEMBERS } from '../presence-store.js';
import type { SharedState } from '../shared-state.js';
import { startRedisServer, type RedisServer } from '../testing/redis-server.js';
import { healthyState, operatorOf } from '../testing/states.js';
import { presenceKeys } from './topic-keys.js';

let server: RedisServer;

beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(() => server.stop());

it('sweeps thousands in small steps, and tells each once', async () => {
  const [state, topic] = [await healthyState(server.url), newTopic()];
  const ear = earOf(state);
  await joinAll(state, topic, 5000);
  await ear.subscribe(topic);
  const operator = operatorOf(server);
  await operator.config('RESETSTAT');
  expect(await state.presence.sweep(topic, ['w1', 'w2'])).toBe(3334);
  const calls = /cmdstat_evalsha:calls=(\d+)/.exec(await operator.info('commandstats'))?.[1];
  expect(Number(calls)).toBeGreaterThan(5);
  await ear.countPresence(topic, 3334);
  expect(new Set(ear.presence(topic).map(({ member }) => member.id)).size).toBe(3334);
  expect((await state.presence.list(topic, 10)).total).toBe(1666);
});

it('reads nothing of a large topic where no owner is dead and nobody has lingered long enough', async () => {
  const [state, topic] = [await healthyState(server.url), newTopic()];
  await joinAll(state, topic, 1000);
  const operator = operatorOf(server);
  await operator.config('RESETSTAT');
  expect(await state.presence.sweep(topic, [])).toBe(0);
  expect(await state.presence.sweep(topic, ['w9'])).toBe(0);
  expect(await operator.info('commandstats')).not.toContain('cmdstat_hscan');
});

it('lists a few of many without reading all', async () => {
  const [state, topic] = [await healthyState(server.url), newTopic()];
  await joinAll(state, topic, 5000);
  const operator = operatorOf(server);
  await operator.config('RESETSTAT');
  expect(await state.presence.list(topic, 20)).toMatchObject({ members: { length: 20 }, total: 5000 });
  const scans = /cmdstat_hscan:calls=(\d+)/.exec(await operator.info('commandstats'))?.[1];
  expect(Number(scans)).toBeLessThan(5);
});

it('refuses one member too many, and takes it when another has left', async () => {
  const [state, topic] = [await healthyState(server.url), newTopic()];
  const { members } = keysOf(topic);
  const operator = operatorOf(server);
  const fields = range(1, MAX_PRESENCE_MEMBERS).flatMap((n) => [`${n}`, '0:1:w']);
  for (let i = 0; i < fields.length; i += 20_000) await operator.hset(members, ...fields.slice(i, i + 20_000));
  const one = { topic, member: { id: 'one', info: '' }, owner: 'w' };
  await expect(state.presence.join(one)).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
  expect(await state.presence.join({ ...one, member: { id: '7', info: '' } })).toBe('present');
  expect(await state.presence.leave({ topic, memberId: '8', owner: 'w' })).toBe('left');
  expect(await state.presence.join(one)).toBe('joined');
  expect(state.health.status).toBe('ok');
});

it('finds the dead where the server has evicted who owns how many, and repairs what does not fit', async () => {
  const [state, topic] = [await healthyState(server.url), newTopic()];
  await joinAll(state, topic, 30);
  const { owners, lingering } = keysOf(topic);
  const operator = operatorOf(server);
  await operator.del(owners);
  await operator.zadd(lingering, 1, 'nobody', 1, '3');
  expect(await state.presence.sweep(topic, ['w1'])).toBe(10);
  expect(await operator.exists(lingering)).toBe(0);
  expect((await state.presence.list(topic, 100)).members).toHaveLength(20);
});

it('tells what the server may not do for topics, and leaves sessions alone', async () => {
  const operator = operatorOf(server);
  await operator.call('ACL', 'SETUSER', 'some', 'on', '>pw', '~*', '+@all', 'resetchannels');
  const state = await healthyState(`redis://some:pw@127.0.0.1:${server.port}`);
  const topic = newTopic();
  const message = { topic, isBinary: false, data: Buffer.of(1), retention: { messages: 1, ageMs: 1000 } };
  const refused = { code: 'STATE_UNAVAILABLE', message: expect.stringMatching(/can't publish|NOPERM/) };
  await expect(state.topics.publish(message)).rejects.toMatchObject(refused);
  await expect(state.presence.join({ topic, member: { id: 'a', info: '' }, owner: 'w' })).rejects.toMatchObject(
    refused,
  );
  expect(state.health.status).toBe('ok');
  expect(await state.affinity.claim('p', 'k', 'b1', 60_000)).toBe('b1');
});

/** Owned by w0, w1 and w2 by turns, beginning with w1. */
async function joinAll(state: SharedState, topic: string, count: number): Promise<void> {
  const join = (n: number): Promise<unknown> =>
    state.presence.join({ topic, member: { id: `${n}`, info: '' }, owner: `w${n % 3}` });
  // Not all at once: a busy machine would not answer all within the time that a command has.
  for (let n = 1; n <= count; n += 100) await Promise.all(range(n, Math.min(n + 99, count)).map(join));
}

function keysOf(topic: string): ReturnType<typeof presenceKeys> {
  return presenceKeys('test:', topic);
}
