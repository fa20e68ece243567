/** The bus while its connection or its server misbehaves, on a real one of its own for each test. */
import { expect, it, onTestFinished, vi } from 'vitest';
import { earOf, messageOf, newTopic, range, type Ear } from '../contract/topic-fixtures.js';
import type { SharedState } from '../shared-state.js';
import { startRedisProxy } from '../testing/redis-proxy.js';
import { startRedisServer, type RedisServer, type RedisServerOptions } from '../testing/redis-server.js';
import { degraded, HEAL_MS, healthyState, healthy, operatorOf, redisState } from '../testing/states.js';

const LONG_TEST_MS = 40_000;

it('hears again after a kill -9 and a restart, and says so for each of thousands of topics', async () => {
  const server = await startServer();
  const state = await healthyState(server.url);
  const [ear, topics] = await subscribed(state, 3000);
  await server.kill9();
  await degraded(state);
  await expect(state.topics.publish(messageOf('t', 'a'))).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
  const before = topics.map((topic) => ear.lives(topic));
  await startServer({ port: server.port });
  await liveAgain(ear, topics, before);
  await healthy(state);
  await hears(state, ear, topics.slice(0, 50));
});

it('is back at once when the server ends its connection', async () => {
  const server = await startServer();
  const state = await healthyState(server.url);
  const [ear, topics] = await subscribed(state, 100);
  const before = topics.map((topic) => ear.lives(topic));
  const startedAt = performance.now();
  expect(await operatorOf(server).call('CLIENT', 'KILL', 'TYPE', 'pubsub')).toBe(1);
  await liveAgain(ear, topics, before);
  expect(performance.now() - startedAt).toBeLessThan(1000);
  expect(state.health.status).toBe('ok');
  await hears(state, ear, topics);
});

it(
  'notices within twelve seconds or so that its connection has gone silent, and leaves a quiet one alone',
  async () => {
    const server = await startServer();
    const proxy = await startRedisProxy(server.port);
    onTestFinished(() => proxy[Symbol.asyncDispose]());
    const state = await healthyState(`redis://127.0.0.1:${proxy.port}`);
    const [ear, topics] = await subscribed(state, 10);
    proxy.swallow(await subscriberPort(server));
    const startedAt = performance.now();
    const [quiet, quietTopics] = await subscribed(await healthyState(server.url), 10);

    await liveAgain(ear, topics, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1], 20_000);
    const tookMs = performance.now() - startedAt;
    expect(tookMs).toBeGreaterThan(8000);
    expect(tookMs).toBeLessThan(14_000);
    expect(state.health.status).toBe('ok');
    await hears(state, ear, topics);
    // By then the quiet one would have been given up as well.
    await vi.waitFor(() => expect(performance.now() - startedAt).toBeGreaterThan(14_500), 15_000);
    expect(quietTopics.map((topic) => quiet.lives(topic))).toEqual(quietTopics.map(() => 1));
  },
  LONG_TEST_MS,
);

it('hears what was published while the server was stopped for a while', async () => {
  const server = await startServer();
  const state = await healthyState(server.url);
  const [ear, topics] = await subscribed(state, 5);
  server.pause();
  await degraded(state);
  server.resume();
  await healthy(state);
  await hears(state, ear, topics);
});

it('keeps what is wanted before there is any server', async () => {
  const { port } = await stopped(await startServer());
  const state = redisState(`redis://127.0.0.1:${port}`);
  const ear = earOf(state);
  const topics = range(1, 20).map(() => newTopic());
  for (const topic of topics) state.bus.subscribe(topic);
  state.bus.unsubscribe(topics[0] as string);
  await expect(state.topics.positions(topics)).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
  await startServer({ port });
  await liveAgain(ear, topics.slice(1), []);
  await healthy(state);
  expect(ear.lives(topics[0] as string)).toBe(0);
  await hears(state, ear, topics.slice(1));
});

it('gives up at the server what is no longer wanted, and takes no connection for nothing', async () => {
  const server = await startServer();
  const operator = operatorOf(server);
  const state = await healthyState(server.url);
  expect(await operator.call('CLIENT', 'LIST', 'TYPE', 'pubsub')).toBe('');
  const [, topics] = await subscribed(state, 1500);
  const channels = async (): Promise<number> =>
    ((await operator.pubsub('CHANNELS', 'test:topic:*')) as readonly string[]).length;
  expect(await channels()).toBe(1500);
  for (const topic of topics.slice(1)) state.bus.unsubscribe(topic);
  await vi.waitFor(async () => expect(await channels()).toBe(1), { timeout: HEAL_MS, interval: 20 });
  await state.close();
  await vi.waitFor(async () => expect(await channels()).toBe(0), { timeout: HEAL_MS, interval: 20 });
});

it('says what is wrong when it may not subscribe, does not hammer the server, and hears once it may', async () => {
  const server = await startServer();
  const operator = operatorOf(server);
  await operator.call('ACL', 'SETUSER', 'some', 'on', '>pw', '~*', '+@all', 'resetchannels');
  const warned: object[] = [];
  const log = { info: () => undefined, warn: (fields: object) => void warned.push(fields) };
  const state = redisState(`redis://some:pw@127.0.0.1:${server.port}`, log);
  await healthy(state);
  const [ear, topic] = [earOf(state), newTopic()];
  state.bus.subscribe(topic);
  const detail = { detail: expect.stringMatching(/NOPERM/) };
  await vi.waitFor(() => expect(warned).toContainEqual(expect.objectContaining(detail)), HEAL_MS);
  await vi.waitFor(async () => expect(await connections(server)).toBeGreaterThan(6), { timeout: HEAL_MS });
  expect(await connections(server)).toBeLessThan(20);
  await operator.call('ACL', 'SETUSER', 'some', '&test:*');
  await liveAgain(ear, [topic], [0]);
});

it('does not take for a message what another program publishes there', async () => {
  const server = await startServer();
  const state = await healthyState(server.url);
  const [ear, [topic]] = await subscribed(state, 1);
  const operator = operatorOf(server);
  const [channel] = (await operator.pubsub('CHANNELS', 'test:topic:*')) as readonly string[];
  for (const text of ['', 'm', 'p{"type":"join"}', 'hello']) await operator.publish(channel as string, text);
  await hears(state, ear, [topic as string]);
});

async function subscribed(state: SharedState, count: number): Promise<readonly [Ear, readonly string[]]> {
  const ear = earOf(state);
  const topics = range(1, count).map(() => newTopic());
  for (const topic of topics) state.bus.subscribe(topic);
  await liveAgain(ear, topics, []);
  return [ear, topics];
}

function liveAgain(
  ear: Ear,
  topics: readonly string[],
  before: readonly number[],
  withinMs: number = HEAL_MS,
): Promise<void> {
  const isLive = (topic: string, i: number): boolean => ear.lives(topic) > (before[i] ?? 0);
  return vi.waitFor(() => expect(topics.every(isLive)).toBe(true), { timeout: withinMs, interval: 20 });
}

/** One message of each, and nothing before it. */
async function hears(state: SharedState, ear: Ear, topics: readonly string[]): Promise<void> {
  const before = topics.map((topic) => ear.messages(topic).length);
  await Promise.all(topics.map((topic) => state.topics.publish(messageOf(topic, 'here'))));
  await vi.waitFor(() => {
    expect(topics.map((topic, i) => ear.messages(topic).length - (before[i] as number))).toEqual(topics.map(() => 1));
  });
}

/** As the server sees it. */
async function subscriberPort(server: RedisServer): Promise<number> {
  const list = String(await operatorOf(server).call('CLIENT', 'LIST', 'TYPE', 'pubsub'));
  return Number(/ addr=[^ ]*:(\d+) /.exec(list)?.[1]);
}

async function connections(server: RedisServer): Promise<number> {
  return Number(/total_connections_received:(\d+)/.exec(await operatorOf(server).info('stats'))?.[1]);
}

async function startServer(options?: RedisServerOptions): Promise<RedisServer> {
  const server = await startRedisServer(options);
  onTestFinished(() => server.stop());
  return server;
}

async function stopped(server: RedisServer): Promise<RedisServer> {
  await server.stop();
  return server;
}
