/** Topics behind real sentinels while the master is killed, hangs, or is replaced. */
import { expect, it, onTestFinished, vi } from 'vitest';
import { earOf, messageOf, newTopic, range, type Ear } from '../contract/topic-fixtures.js';
import type { SharedState } from '../shared-state.js';
import type { RedisProcess } from '../testing/redis-process.js';
import { MASTER_NAME, startRedisSentinels, type RedisSentinels } from '../testing/redis-sentinels.js';
import { HEAL_MS, healthyState, operatorOf } from '../testing/states.js';

const TEST_MS = 60_000;
const FAILOVER_MS = 20_000;

const FAULTS: readonly (readonly [string, (servers: RedisSentinels) => Promise<unknown> | void])[] = [
  ['was killed', ({ master }) => master.kill9()],
  ['hangs', ({ master }) => master.pause()],
  [
    'was replaced by hand, and goes on',
    ({ sentinels }) => operatorOf(sentinels[0] as RedisProcess).call('SENTINEL', 'FAILOVER', MASTER_NAME),
  ],
];

it.each(FAULTS)(
  'hears again at the new master when the old one %s, under other epochs',
  async (_, makeFault) => {
    const servers = await startRedisSentinels();
    onTestFinished(() => servers.stop());
    const state = await healthyState(servers.url);
    const ear = earOf(state);
    const topics = range(1, 200).map(() => newTopic());
    for (const topic of topics) state.bus.subscribe(topic);
    await live(ear, topics, 1);
    const old = await Promise.all(topics.map((topic) => state.topics.publish(messageOf(topic, 'a'))));
    expect(await operatorOf(servers.master).wait(1, HEAL_MS)).toBe(1);

    await makeFault(servers);
    await live(ear, topics, 2, FAILOVER_MS);
    await vi.waitFor(() => hears(state, ear, topics), { timeout: HEAL_MS, interval: 50 });
    const listening = await operatorOf(servers.replica).pubsub('CHANNELS', 'test:topic:*');
    expect(listening).toHaveLength(topics.length);
    const positions = await state.topics.positions(topics);
    expect(positions.filter(({ epoch }, i) => epoch === old[i]?.epoch)).toEqual([]);
    expect(positions.filter(({ offset }) => offset < 2)).toEqual([]);
  },
  TEST_MS,
);

function live(ear: Ear, topics: readonly string[], times: number, withinMs: number = HEAL_MS): Promise<void> {
  return vi.waitFor(() => expect(topics.filter((topic) => ear.lives(topic) < times)).toEqual([]), {
    timeout: withinMs,
    interval: 20,
  });
}

async function hears(state: SharedState, ear: Ear, topics: readonly string[]): Promise<void> {
  const before = topics.map((topic) => ear.messages(topic).length);
  await Promise.all(topics.map((topic) => state.topics.publish(messageOf(topic, 'here'))));
  await vi.waitFor(() => {
    expect(topics.map((topic, i) => ear.messages(topic).length - (before[i] as number))).toEqual(topics.map(() => 1));
  });
}
