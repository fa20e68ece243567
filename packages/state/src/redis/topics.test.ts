/** What topics are in Redis: what others read there, who shares it by accident, and what becomes of it when it is interfered with. */
import { beforeAll, expect, it, onTestFinished, afterAll, vi } from 'vitest';
import type { Redis } from 'ioredis';
import { messageOf, newTopic, range, readOf, textsOf } from '../contract/topic-fixtures.js';
import type { SharedState } from '../shared-state.js';
import { startRedisServer, type RedisServer } from '../testing/redis-server.js';
import { healthyState, operatorOf } from '../testing/states.js';
import { PARTITION_TAGS, partitionOf } from './partitions.js';

let server: RedisServer;
let operator: Redis;
let state: SharedState;

beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(() => server.stop());

async function open(): Promise<void> {
  state = await healthyState(server.url);
  operator = operatorOf(server);
  await operator.flushall();
}

function keyOf(topic: string): string {
  return `test:topic:{${PARTITION_TAGS[partitionOf(topic)]}}:${topic}`;
}

it('keeps a topic in a hash and a stream that an operator can read, and tells what it keeps', async () => {
  await open();
  const topic = newTopic();
  const key = keyOf(topic);
  const told = await listen(`${key}:live`);
  const { epoch } = await state.topics.publish(messageOf(topic, 'ž:1'));
  await state.topics.publish(messageOf(topic, Uint8Array.of(1)));
  const history = /master_replid:(\w+)/.exec(await operator.info('replication'))?.[1];
  expect(await operator.hgetall(key)).toEqual({ epoch, top: '2', logged: '2', history });
  const log = await operator.xrange(`${key}:log`, '-', '+');
  expect(log.map(([id, fields]) => [id.replace(/-\d{13}$/, '-ms'), fields])).toEqual([
    ['1-ms', ['t', 'ž:1']],
    ['2-ms', ['b', '\u0001']],
  ]);
  const ms = log.map(([id]) => id.split('-')[1]);
  await vi.waitFor(() => expect(told).toEqual([`m${epoch}:1:${ms[0]}:t:ž:1`, `m${epoch}:2:${ms[1]}:b:\u0001`]));
});

it('gives every key a time to live', async () => {
  await open();
  const retention = { messages: 5, ageMs: 5_000_000 };
  const [short, long, asked] = [newTopic(), newTopic(), newTopic()];
  await state.topics.publish(messageOf(short, 'a', { retention: { messages: 5, ageMs: 1000 }, idempotencyKey: 'k' }));
  await state.topics.publish(messageOf(long, 'a', { retention }));
  await state.topics.positions([asked]);
  await state.presence.join({ topic: asked, member: { id: 'a', info: '' }, owner: 'w' });
  await state.presence.join({ topic: asked, member: { id: 'b', info: '' }, owner: 'w' });
  await state.presence.linger({ topic: asked, memberId: 'b', owner: 'w', lingerMs: 1000 });
  const expected = new Map([
    [keyOf(short), 3_600_000],
    [`${keyOf(short)}:log`, 1000],
    [`${keyOf(short)}:once:k`, 300_000],
    [keyOf(long), 10_000_000],
    [`${keyOf(long)}:log`, 5_000_000],
    [keyOf(asked), 3_600_000],
    [`${keyOf(asked)}:members`, 86_400_000],
    [`${keyOf(asked)}:lingering`, 86_400_000],
    [`${keyOf(asked)}:owners`, 86_400_000],
  ]);
  const keys = (await operator.keys('*')).filter((key) => !key.includes('probe'));
  expect(keys.toSorted()).toEqual([...expected.keys()].toSorted());
  for (const [key, ttl] of expected) {
    const left = await operator.pttl(key);
    expect([key, left > ttl - 900 && left <= ttl]).toEqual([key, true]);
  }
});

it('writes no log of what is only told, and none for who asks', async () => {
  await open();
  const topic = newTopic();
  for (const n of range(1, 20)) {
    await state.topics.publish(messageOf(topic, `${n}`, { retention: { messages: 0, ageMs: 1000 } }));
  }
  await state.topics.read(readOf(topic));
  expect((await operator.keys('*')).filter((key) => !key.includes('probe'))).toEqual([keyOf(topic)]);
});

it('lives on for as long as somebody asks for it', async () => {
  await open();
  const topic = newTopic();
  const [position] = await state.topics.positions([topic]);
  await operator.pexpire(keyOf(topic), 1_000_000);
  expect(await state.topics.positions([topic])).toEqual([position]);
  expect(await operator.pttl(keyOf(topic))).toBeGreaterThan(3_500_000);
});

it('drops messages that are too old from the old end, twice as fast as new ones come', async () => {
  await open();
  const topic = newTopic();
  const retention = { messages: 1000, ageMs: 300 };
  for (const n of range(1, 40)) await state.topics.publish(messageOf(topic, `${n}`, { retention }));
  const publishUntilOld = async (): Promise<void> => {
    // Published at all, so that the log does not end by itself.
    await state.topics.publish(messageOf(topic, 'x', { retention }));
    const [oldest] = await operator.xrange(`${keyOf(topic)}:log`, '-', '+', 'COUNT', 1);
    expect(Number(oldest?.[0].split('-')[0])).toBeGreaterThan(40);
  };
  await vi.waitFor(publishUntilOld, { timeout: 5000, interval: 10 });
});

it('finds the first message that is young enough among many, and counts none before it as kept', async () => {
  await open();
  const topic = newTopic();
  const { epoch } = await state.topics.publish(messageOf(topic, 'a'));
  const now = Date.now();
  await operator.del(`${keyOf(topic)}:log`);
  for (const n of range(1, 500))
    await operator.xadd(`${keyOf(topic)}:log`, `${n}-${now - (501 - n) * 1000}`, 't', `${n}`);
  await operator.hset(keyOf(topic), { top: '500', logged: '500' });
  for (const kept of [1, 2, 77, 250, 499]) {
    const page = await state.topics.read(readOf(topic, { ageMs: kept * 1000 + 500, limit: 1 }));
    expect(page).toMatchObject({ epoch, offset: 500, first: 501 - kept, messages: [{ offset: 501 - kept }] });
    const newest = await state.topics.read(readOf(topic, { ageMs: kept * 1000 + 500, isReverse: true }));
    expect(newest.messages.map(({ offset }) => offset)).toEqual(range(501 - kept, 500).toReversed());
  }
});

it('begins again where the server has evicted what it knew of a topic, and keeps no old message under new numbers', async () => {
  await open();
  const topic = newTopic();
  const { epoch } = await state.topics.publish(messageOf(topic, 'old'));
  await state.topics.publish(messageOf(topic, 'old'));
  await operator.del(keyOf(topic));
  const published = await state.topics.publish(messageOf(topic, 'new'));
  expect(published.offset).toBe(1);
  expect(published.epoch).not.toBe(epoch);
  expect(textsOf((await state.topics.read(readOf(topic))).messages)).toEqual(['1:new']);
});

it('has nothing kept where the server has evicted the log', async () => {
  await open();
  const topic = newTopic();
  const { epoch } = await state.topics.publish(messageOf(topic, 'a'));
  await operator.del(`${keyOf(topic)}:log`);
  expect(await state.topics.read(readOf(topic))).toEqual({ epoch, offset: 1, first: 2, messages: [] });
  await state.topics.publish(messageOf(topic, 'b'));
  expect(await state.topics.read(readOf(topic))).toMatchObject({ offset: 2, first: 2, messages: [{ offset: 2 }] });
});

it('does not believe what another program stored under its keys, and goes on', async () => {
  await open();
  const [wrongType, wrongTop, wrongLog, holes] = [newTopic(), newTopic(), newTopic(), newTopic()];
  await operator.set(keyOf(wrongType), 'x');
  await operator.hset(keyOf(wrongTop), { epoch: 'abcdefghijkl', top: 'x' });
  await operator.lpush(`${keyOf(wrongLog)}:log`, 'x');
  for (const text of ['a', 'b', 'c']) await state.topics.publish(messageOf(holes, text));
  await operator.xdel(`${keyOf(holes)}:log`, (await operator.xrange(`${keyOf(holes)}:log`, 2, 2))[0]?.[0] as string);
  const refused = { code: 'STATE_INVALID_VALUE', retryable: false };
  for (const topic of [wrongType, wrongTop]) {
    await expect(state.topics.publish(messageOf(topic, 'a'))).rejects.toMatchObject(refused);
    await expect(state.topics.positions([topic])).rejects.toMatchObject(refused);
    await expect(state.topics.read(readOf(topic))).rejects.toMatchObject(refused);
  }
  await operator.hset(keyOf(wrongLog), { epoch: 'abcdefghijkl', top: '1', logged: '1' });
  await expect(state.topics.publish(messageOf(wrongLog, 'a'))).rejects.toMatchObject(refused);
  expect(await operator.hget(keyOf(wrongLog), 'top')).toBe('1');
  await expect(state.topics.read(readOf(holes))).rejects.toMatchObject(refused);
  expect(state.health.status).toBe('ok');
});

it('publishes with one command', async () => {
  await open();
  const topic = newTopic();
  await state.topics.publish(messageOf(topic, 'a'));
  await operator.config('RESETSTAT');
  await Promise.all(
    range(1, 100).map((n) => state.topics.publish(messageOf(topic, `${n}`, { idempotencyKey: `${n}` }))),
  );
  const stats = await operator.info('commandstats');
  expect(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1]).toBe('100');
});

it('asks for thousands of positions with few commands', async () => {
  await open();
  const topics = Array.from({ length: 10_000 }, () => newTopic());
  const positions = await state.topics.positions(topics);
  await operator.config('RESETSTAT');
  expect(await state.topics.positions(topics)).toEqual(positions);
  const calls = /cmdstat_evalsha:calls=(\d+)/.exec(await operator.info('commandstats'))?.[1];
  expect(Number(calls)).toBeLessThanOrEqual(128);
});

async function listen(channel: string): Promise<readonly string[]> {
  const told: string[] = [];
  const listener = operator.duplicate();
  onTestFinished(() => listener.disconnect());
  listener.on('message', (_channel, message) => void told.push(message));
  await listener.subscribe(channel);
  return told;
}
