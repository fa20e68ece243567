/**
 * Nobody is told that nothing was missed when something was: a server that may not have all that was published answers another
 * epoch. With real servers, of which a replica misses the last messages on its way to become the master.
 */
import { expect, it, onTestFinished, vi } from 'vitest';
import { messageOf, newTopic, range, readOf, textsOf } from '../contract/topic-fixtures.js';
import type { SharedState } from '../shared-state.js';
import type { TopicPosition } from '../topic-store.js';
import { startRedisProxy, type RedisProxy } from '../testing/redis-proxy.js';
import { startRedisServer, type RedisServer } from '../testing/redis-server.js';
import { degraded, HEAL_MS, healthy, healthyState, operatorOf } from '../testing/states.js';

const WAYS: readonly (readonly [string, (state: SharedState, topic: string) => Promise<TopicPosition>])[] = [
  ['a position', async (state, topic) => (await state.topics.positions([topic]))[0] as TopicPosition],
  ['a page', async (state, topic) => state.topics.read(readOf(topic, { since: 2 }))],
  ['a publish', async (state, topic) => before(await state.topics.publish(messageOf(topic, 'later')))],
];

it.each(WAYS)('answers another epoch with %s after a promotion that lost messages', async (_, ask) => {
  const { master, replica, link } = await startPair();
  const topic = newTopic();
  const old = await healthyState(master.url);
  for (const text of ['1', '2', '3']) await old.topics.publish(messageOf(topic, text));
  await operatorOf(master).wait(1, HEAL_MS);
  link.swallow();
  const lost = await old.topics.publish(messageOf(topic, 'lost'));
  expect(lost.offset).toBe(4);
  await master.kill9();
  await operatorOf(replica).replicaof('NO', 'ONE');

  const state = await healthyState(replica.url);
  const position = await ask(state, topic);
  expect(position.offset).toBe(3);
  expect(position.epoch).not.toBe(lost.epoch);
  // One epoch for all from now on, and numbers go on; what is there is still history.
  for (const [, other] of WAYS) expect((await other(state, topic)).epoch).toBe(position.epoch);
  const { messages } = await state.topics.read(readOf(topic, { limit: 3 }));
  expect(textsOf(messages)).toEqual(['1:1', '2:2', '3:3']);
});

it('answers another epoch where the same process was a replica meanwhile, and so lost messages', async () => {
  const { master, replica, link } = await startPair();
  const topic = newTopic();
  const state = await healthyState(master.url);
  const first = await state.topics.publish(messageOf(topic, '1'));
  await operatorOf(master).wait(1, HEAL_MS);
  link.swallow();
  await state.topics.publish(messageOf(topic, 'lost'));
  // The replica is promoted, the master follows it, and is made the master again: all without a restart.
  await operatorOf(replica).replicaof('NO', 'ONE');
  await operatorOf(master).replicaof('127.0.0.1', replica.port);
  await inStep(master);
  await operatorOf(master).replicaof('NO', 'ONE');
  await healthy(state);
  const [position] = await state.topics.positions([topic]);
  expect(position?.offset).toBe(1);
  expect(position?.epoch).not.toBe(first.epoch);
  // The number of the lost one is given again, under another epoch.
  expect(await state.topics.publish(messageOf(topic, 'other'))).toEqual({ ...position, offset: 2, isRepeat: false });
});

it('answers another epoch after a restart that brought old data back', async () => {
  const server = await startServer(['--appendonly', 'no']);
  const state = await healthyState(server.url);
  const topics = range(1, 3).map(() => newTopic());
  const old = await Promise.all(topics.map((topic) => state.topics.publish(messageOf(topic, 'kept'))));
  const operator = operatorOf(server);
  const dumps = await Promise.all((await operator.keys('test:topic*')).map((key) => dumpOf(server, key)));
  for (const topic of topics) await state.topics.publish(messageOf(topic, 'lost'));
  await server.kill9();
  await degraded(state);
  const again = await startServer([], server.port);
  for (const [key, dump] of dumps) await operatorOf(again).restore(key, 0, dump);
  await healthy(state);
  for (const [i, [, ask]] of WAYS.entries()) {
    const position = await ask(state, topics[i] as string);
    expect(position.offset).toBe(1);
    expect(position.epoch).not.toBe(old[i]?.epoch);
  }
});

it('keeps the epoch while the same server answers, with a replica or after it has lost one', async () => {
  const { master, replica } = await startPair();
  const topic = newTopic();
  const state = await healthyState(master.url);
  const { epoch } = await state.topics.publish(messageOf(topic, '1'));
  await replica.kill9();
  expect(await state.topics.publish(messageOf(topic, '2'))).toEqual({ epoch, offset: 2, isRepeat: false });
  const other = await healthyState(master.url);
  expect(await other.topics.positions([topic])).toEqual([{ epoch, offset: 2 }]);
});

function before({ epoch, offset }: TopicPosition): TopicPosition {
  return { epoch, offset: offset - 1 };
}

async function startPair(): Promise<{ master: RedisServer; replica: RedisServer; link: RedisProxy }> {
  const master = await startServer();
  const link = await startRedisProxy(master.port);
  onTestFinished(() => link[Symbol.asyncDispose]());
  const replica = await startServer(['--replicaof', `127.0.0.1 ${link.port}`]);
  await inStep(replica);
  return { master, replica, link };
}

function inStep(replica: RedisServer): Promise<void> {
  const operator = operatorOf(replica);
  return vi.waitFor(async () => expect(await operator.info('replication')).toContain('master_link_status:up'), {
    timeout: HEAL_MS,
    interval: 20,
  });
}

async function startServer(args: readonly string[] = [], port = 0): Promise<RedisServer> {
  const server = await startRedisServer({ args, port });
  onTestFinished(() => server.stop());
  return server;
}

async function dumpOf(server: RedisServer, key: string): Promise<readonly [string, Buffer]> {
  return [key, await operatorOf(server).dumpBuffer(key)];
}
