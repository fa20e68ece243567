/** Topics on a real Cluster of three masters whose slots move and whose masters die. */
import { expect, it, onTestFinished, vi } from 'vitest';
import { earOf, messageOf, newTopic, offsetsOf, range, readOf, type Ear } from '../contract/topic-fixtures.js';
import type { SharedState } from '../shared-state.js';
import { startRedisCluster, type RedisCluster } from '../testing/redis-cluster.js';
import type { RedisProcess } from '../testing/redis-process.js';
import { degraded, HEAL_MS, healthy, healthyState } from '../testing/states.js';
import { PARTITION_TAGS, partitionOf } from './partitions.js';
import { slotOf } from './slots.js';

const TEST_MS = 60_000;
const LONG_WAIT = { timeout: 20_000, interval: 20 } as const;

it(
  'hears each topic at the one node that has it, over one connection to each node',
  async () => {
    const cluster = await startCluster();
    const state = await healthyState(cluster.url);
    const [ear, topics] = await subscribed(state, 1000);
    await hears(state, ear, topics);
    for (const master of cluster.masters) {
      const client = cluster.clientOf(master);
      const expected = topics.filter((topic) => ownerOf(cluster, topic) === master).length;
      expect(await client.call('PUBSUB', 'SHARDCHANNELS', 'test:topic:*')).toHaveLength(expected);
      expect(
        String(await client.call('CLIENT', 'LIST', 'TYPE', 'pubsub'))
          .trim()
          .split('\n'),
      ).toHaveLength(1);
    }
  },
  TEST_MS,
);

it(
  'follows a slot that moves while many publish, loses none of what was confirmed, and leaves other topics alone',
  async () => {
    const cluster = await startCluster();
    const state = await healthyState(cluster.url);
    const [from, to] = cluster.masters as readonly [RedisProcess, RedisProcess];
    const [ear, topics] = await subscribed(state, 600);
    const moving = topics.find((topic) => ownerOf(cluster, topic) === from) as string;
    const moved = topics.filter((topic) => partitionOf(topic) === partitionOf(moving));
    const others = topics.filter((topic) => !moved.includes(topic));
    const { epoch } = await state.topics.publish(messageOf(moving, 'first'));
    const before = livesOf(ear, topics);

    const publishing = publishWhile(state, moving);
    const slot = slotOfTopic(moving);
    await moveSlot(cluster, { slot, from, to });
    await liveAgain(ear, moved, new Map(before));
    const confirmed = await publishing.stop();
    await healthy(state);

    await ear.settle(moving);
    await hears(state, ear, topics);
    expect(others.map((topic) => ear.lives(topic))).toEqual(others.map((topic) => before.get(topic)));
    expect(await cluster.clientOf(from).call('PUBSUB', 'SHARDCHANNELS', `test:topic:{${tagOf(moving)}}*`)).toEqual([]);
    const page = await state.topics.read(readOf(moving));
    expect(page.epoch).not.toBe(epoch);
    expect(offsetsOf(page.messages)).toEqual(range(1, page.offset));
    const heard = offsetsOf(ear.messages(moving));
    expect(heard).toEqual([...new Set(heard)].toSorted((a, b) => a - b));
    const kept = new Set(page.messages.map(({ offset, data }) => `${offset}:${Buffer.from(data).toString()}`));
    expect(confirmed.length).toBeGreaterThan(0);
    expect(confirmed.filter((message) => !kept.has(message))).toEqual([]);
  },
  TEST_MS,
);

it(
  'hears again once a replica has taken over for a master that was killed, and others all the time',
  async () => {
    const cluster = await startCluster({ replicasPerMaster: 1, nodeTimeoutMs: 1000 });
    const state = await healthyState(cluster.url);
    const [dies] = cluster.masters as readonly [RedisProcess];
    const [ear, topics] = await subscribed(state, 300);
    const [hit, spared] = split(topics, (topic) => ownerOf(cluster, topic) === dies);
    const published = await Promise.all(topics.map((topic) => state.topics.publish(messageOf(topic, 'a'))));
    const epochs = new Map(topics.map((topic, i) => [topic, published[i]?.epoch]));
    expect(await cluster.clientOf(dies).wait(1, HEAL_MS)).toBe(1);
    const before = livesOf(ear, topics);

    await dies.kill9();
    await degraded(state);
    await hears(state, ear, spared);
    await expect(state.topics.publish(messageOf(hit[0] as string, 'a'))).rejects.toMatchObject({ retryable: true });
    await liveAgain(ear, hit, before, LONG_WAIT.timeout);
    await healthy(state, LONG_WAIT.timeout);
    await hears(state, ear, topics);
    expect(spared.map((topic) => ear.lives(topic))).toEqual(spared.map((topic) => before.get(topic)));
    for (const [i, { epoch }] of (await state.topics.positions(topics)).entries()) {
      const topic = topics[i] as string;
      expect(epoch === epochs.get(topic)).toBe(!hit.includes(topic));
    }
  },
  TEST_MS,
);

it(
  'hears again when a node ends its connection or was stopped for a while',
  async () => {
    const cluster = await startCluster();
    const state = await healthyState(cluster.url);
    const [ear, topics] = await subscribed(state, 300);
    const [node, stops] = cluster.masters as readonly [RedisProcess, RedisProcess];
    const before = livesOf(ear, topics);
    await cluster.clientOf(node).call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await liveAgain(
      ear,
      topics.filter((topic) => ownerOf(cluster, topic) === node),
      before,
    );
    stops.pause();
    await degraded(state);
    stops.resume();
    await healthy(state);
    await hears(state, ear, topics);
  },
  TEST_MS,
);

it(
  'finds everything again after a whole share of the slots went to another master',
  async () => {
    const cluster = await startCluster();
    const state = await healthyState(cluster.url);
    const [from, to] = cluster.masters as readonly [RedisProcess, RedisProcess];
    const [ear, topics] = await subscribed(state, 400);
    await Promise.all(topics.map((topic) => state.topics.publish(messageOf(topic, 'a'))));
    const slots = [...new Set(topics.filter((topic) => ownerOf(cluster, topic) === from).map(slotOfTopic))];
    expect(slots.length).toBeGreaterThan(30);
    for (const slot of slots) await moveSlot(cluster, { slot, from, to });
    await vi.waitFor(() => hears(state, ear, topics), LONG_WAIT);
    expect(await cluster.clientOf(from).call('PUBSUB', 'SHARDCHANNELS')).toEqual([]);
    // A connection that is of no use is given up.
    await vi.waitFor(
      async () => expect(await cluster.clientOf(from).call('CLIENT', 'LIST', 'TYPE', 'pubsub')).toBe(''),
      LONG_WAIT,
    );
  },
  TEST_MS,
);

it(
  'hears where all nodes want a password',
  async () => {
    const cluster = await startCluster();
    for (const master of cluster.masters) await cluster.clientOf(master).config('SET', 'requirepass', 'p@ss');
    const state = await healthyState(cluster.url.replace('://', '://:p%40ss@'));
    const [ear, topics] = await subscribed(state, 50);
    await hears(state, ear, topics);
  },
  TEST_MS,
);

async function startCluster(options?: Parameters<typeof startRedisCluster>[0]): Promise<RedisCluster> {
  const cluster = await startRedisCluster(options);
  onTestFinished(() => cluster.stop());
  return cluster;
}

async function subscribed(state: SharedState, count: number): Promise<readonly [Ear, readonly string[]]> {
  const ear = earOf(state);
  const topics = range(1, count).map(() => newTopic());
  for (const topic of topics) state.bus.subscribe(topic);
  await liveAgain(ear, topics, new Map());
  return [ear, topics];
}

function livesOf(ear: Ear, topics: readonly string[]): ReadonlyMap<string, number> {
  return new Map(topics.map((topic) => [topic, ear.lives(topic)]));
}

function liveAgain(
  ear: Ear,
  topics: readonly string[],
  before: ReadonlyMap<string, number>,
  withinMs: number = HEAL_MS,
): Promise<void> {
  const isLive = (topic: string): boolean => ear.lives(topic) > (before.get(topic) ?? 0);
  return vi.waitFor(() => expect(topics.every(isLive)).toBe(true), { timeout: withinMs, interval: 20 });
}

/** The next message of each, and no other. */
async function hears(state: SharedState, ear: Ear, topics: readonly string[]): Promise<void> {
  const before = topics.map((topic) => ear.messages(topic).length);
  await Promise.all(topics.map((topic) => state.topics.publish(messageOf(topic, 'here'))));
  await vi.waitFor(() => {
    expect(topics.map((topic, i) => ear.messages(topic).length - (before[i] as number))).toEqual(topics.map(() => 1));
  });
}

/** One after the other; answers what was confirmed. */
function publishWhile(state: SharedState, topic: string): { stop(): Promise<readonly string[]> } {
  const confirmed: string[] = [];
  const over = new AbortController();
  const publishing = (async () => {
    for (let n = 1; !over.signal.aborted; n += 1) {
      await state.topics.publish(messageOf(topic, `${n}`)).then(
        ({ offset }) => confirmed.push(`${offset}:${n}`),
        (error: unknown) => expect(error).toMatchObject({ retryable: true }),
      );
    }
    return confirmed;
  })();
  return {
    stop: () => {
      over.abort();
      return publishing;
    },
  };
}

/** By the steps of a resharding. */
async function moveSlot(
  cluster: RedisCluster,
  { slot, from, to }: { slot: number; from: RedisProcess; to: RedisProcess },
): Promise<void> {
  const [source, target] = [cluster.clientOf(from), cluster.clientOf(to)];
  const [sourceId, targetId] = await Promise.all([source.cluster('MYID'), target.cluster('MYID')]);
  await target.cluster('SETSLOT', slot, 'IMPORTING', sourceId as string);
  await source.cluster('SETSLOT', slot, 'MIGRATING', targetId as string);
  for (;;) {
    const keys = (await source.cluster('GETKEYSINSLOT', slot, 10)) as readonly string[];
    if (keys.length === 0) break;
    for (const key of keys) await source.migrate('127.0.0.1', to.port, key, 0, 5000);
  }
  for (const client of [target, source]) await client.cluster('SETSLOT', slot, 'NODE', targetId as string);
}

function ownerOf(cluster: RedisCluster, topic: string): RedisProcess {
  const slot = slotOfTopic(topic);
  const isOwner = (master: RedisProcess): boolean => {
    const [first, last] = cluster.slotsOf(master);
    return slot >= first && slot <= last;
  };
  return cluster.masters.find(isOwner) as RedisProcess;
}

function slotOfTopic(topic: string): number {
  return slotOf(`{${tagOf(topic)}}`);
}

function tagOf(topic: string): string {
  return PARTITION_TAGS[partitionOf(topic)] as string;
}

function split<T>(values: readonly T[], isFirst: (value: T) => boolean): readonly [readonly T[], readonly T[]] {
  return [values.filter(isFirst), values.filter((value) => !isFirst(value))];
}
