/**
 * Publishers publish and subscribers hear, while everything between them dies at random moments. What is promised: what is kept is missed
 * by nobody, nothing comes twice or out of order, and a loss that nothing could prevent is told to everybody whom it concerns.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import type { SeededRandom } from '../support/random.js';
import { percentile } from '../support/sessions/session-crowd.js';
import { planOf } from '../support/topics/topic-crowd.js';
import { topsOf } from '../support/topics/topic-publisher.js';
import { ENGINES } from '../support/topics/topic-stage.js';
import { CHAOS_TIMES, hold } from './arena.js';
import {
  expectNothingMissed,
  expectNoUntoldLoss,
  printTopicAccount,
  sized,
  TopicArena,
  type TopicArenaOptions,
} from './topic-arena.js';

type Fault = (arena: TopicArena, turn: number) => Promise<void>;

interface Shape {
  readonly topics: number;
  readonly perTopic: number;
  readonly topicsPerClient: number;
  readonly perSecond: number;
}

/**
 * Many small rooms, and one large one. In it, a delivery costs two cores 45 us: most of that is the crowd's and the proxy's, and
 * beyond a half of what a machine can do the test would measure those. So 20,000 deliveries a second, or half as many.
 */
const ROOMS: Shape = { topics: sized(1000, 100), perTopic: 5, topicsPerClient: 10, perSecond: sized(2000, 300) };
const HALL: Shape = { topics: 1, perTopic: sized(5000, 500), topicsPerClient: 1, perSecond: sized(4, 20) };
/** What is kept of it lasts longer, 150 s, than the last of a crowd takes to be let in again on a busy machine. */
const STORM = { perSecond: 2, rules: [{ match: 't:*', history: { messages: 300, age: '10m' } }] };
/** A quarter of what the sessions' tests make: a run has four faults in a row. */
const TIMES = Math.ceil(CHAOS_TIMES / 2);
const BETWEEN_MS = 3000;
/** 1.2 MB a second for each: more than the kernel and the worker keep for one that does not read, long before it is given up. */
const STALLED = sized(1000, 30);
/** Beside them. What they read goes through a proxy in the test's own process. */
const READERS = sized(100, 20);
const STALL = { bytes: 60_000, perSecond: 20, forMs: 8000 };
/** So few that who has stood still that long cannot have all. */
const SHORT_HISTORY = [{ match: 't:*', history: { messages: 50, age: '5m' } }];
const LAST_MESSAGE_WITHIN_MS = 10_000;

async function strike(
  name: string,
  options: Omit<TopicArenaOptions, keyof Shape> & { readonly shape: Shape },
  fault: Fault,
): Promise<void> {
  const { shape, ...rest } = options;
  await using arena = await TopicArena.open(name, { ...shape, ...rest });
  await arena.publisher.publish(shape.perSecond);
  for (let turn = 0; turn < TIMES; turn += 1) {
    // So long that clients are back, and their connections count as stable.
    await delay(BETWEEN_MS + arena.random.integer(1000));
    await fault(arena, turn);
  }
  await delay(BETWEEN_MS);
  const account = await arena.account();
  printTopicAccount(`${name}, ${rest.engine}`, account);
  expectNothingMissed(account);
  hold(`${name}, ${rest.engine}: last message at every subscriber, ms`, account.settledMs, LAST_MESSAGE_WITHIN_MS);
}

const killWorker: Fault = async ({ balancers, random }) => {
  const balancer = random.pick(balancers);
  const victim = random.pick(balancer.workerPids());
  process.kill(victim, 'SIGKILL');
  await eventually(() => expect(balancer.workerPids()).not.toContain(victim));
};

const replaceBalancer: Fault = async (arena) => arena.replaceBalancer(arena.random.integer(arena.balancers.length));

const killPublisher: Fault = async ({ publisher, random }) => publisher.replace('SIGKILL', random.integer(1000));

const stopPublisher: Fault = async ({ publisher, random }) => publisher.replace('SIGTERM', random.integer(1000));

const pauseRedis: Fault = async ({ redis, random }) => {
  redis!.pause();
  await delay(2000 + random.integer(3000));
  redis!.resume();
};

const blackHoleRedis: Fault = async (arena) => arena.blackHoleRedis(2000 + arena.random.integer(3000));

const emptyRedis: Fault = async (arena) => {
  await arena.killRedis();
  await delay(arena.random.integer(2000));
  await arena.reviveRedis();
};

const cutNetwork: Fault = async ({ proxies, random }) => {
  random.pick(proxies).cutAll();
  await Promise.resolve();
};

function shuffled<T>(items: readonly T[], random: SeededRandom): readonly T[] {
  const drawn = items.map((item) => ({ item, at: random.next() }));
  return drawn.sort((a, b) => a.at - b.at).map(({ item }) => item);
}

const EVERY_FAULT: Readonly<Record<string, Fault>> = {
  'kill -9 of a worker': killWorker,
  'kill -9 of a balancer': replaceBalancer,
  'kill -9 of the publisher': killPublisher,
  'SIGTERM of the publisher': stopPublisher,
  'network cut': cutNetwork,
  'Redis paused': pauseRedis,
  'Redis black-holed': blackHoleRedis,
  'Redis killed, and back empty': emptyRedis,
};

describe.each(ENGINES)('rooms with %s state', (engine) => {
  const options = { engine, shape: ROOMS };

  it('kill -9 of a worker', () => strike('rooms, worker killed', { ...options, workers: 3 }, killWorker));

  it("clients' connections reset", () => strike('rooms, network cut', options, cutNetwork));
});

describe('rooms with two balancers and redis', () => {
  it('kill -9 of a whole balancer', () =>
    strike('rooms, balancer killed', { engine: 'redis', shape: ROOMS }, async (arena, turn) =>
      arena.replaceBalancer(turn % 2),
    ));

  it('everything at once, at random', () =>
    strike('rooms, all faults', { engine: 'redis', shape: ROOMS, workers: 3 }, async (arena, turn) => {
      await killWorker(arena, turn);
      await delay(arena.random.integer(500));
      await cutNetwork(arena, turn);
      if (arena.random.integer(3) === 0) await arena.replaceBalancer(arena.random.integer(2));
    }));

  it('Redis is killed and comes back empty: whoever missed something is told', async () => {
    await using arena = await TopicArena.open('rooms, redis killed', { engine: 'redis', ...ROOMS });
    await arena.publisher.publish(ROOMS.perSecond);
    for (let turn = 0; turn < 2; turn += 1) {
      await delay(BETWEEN_MS + arena.random.integer(1000));
      await emptyRedis(arena, turn);
      await delay(BETWEEN_MS);
    }
    await delay(BETWEEN_MS);
    const account = await arena.account();
    printTopicAccount('rooms, redis killed', account);
    expectNoUntoldLoss(account);
    expect(account.crowd.told).toBeGreaterThan(0);
  });

  it('Redis stands still, and goes on', async () => {
    await strike('rooms, redis paused', { engine: 'redis', shape: ROOMS }, pauseRedis);
  });

  it('Redis is black-holed, and is back', () =>
    strike('rooms, redis black-holed', { engine: 'redis', shape: ROOMS, withRedisProxy: true }, blackHoleRedis));

  it('the backend that publishes is killed, or deployed anew', () =>
    strike('rooms, publisher replaced', { engine: 'redis', shape: ROOMS, withSpare: true }, (arena, turn) =>
      turn % 2 === 0 ? killPublisher(arena, turn) : stopPublisher(arena, turn),
    ));

  it('every fault there is, in a random order: whoever missed something is told', async () => {
    const name = 'rooms, every fault';
    const options = { engine: 'redis', ...ROOMS, withRedisProxy: true, withSpare: true } as const;
    await using arena = await TopicArena.open(name, options);
    await arena.publisher.publish(ROOMS.perSecond);
    for (const [what, fault] of shuffled(Object.entries(EVERY_FAULT), arena.random)) {
      console.log(`${name}: ${what}`);
      await fault(arena, 0);
      await delay(sized(BETWEEN_MS, 1000) + arena.random.integer(1000));
    }
    const account = await arena.account();
    printTopicAccount(name, account);
    expectNoUntoldLoss(account);
  });
});

describe.each(ENGINES)('one large room with %s state', (engine) => {
  it('kill -9 of a worker', () => strike('hall, worker killed', { engine, shape: HALL, workers: 3 }, killWorker));

  it("clients' connections reset: all come back at once", () =>
    strike('hall, network cut', { engine, shape: HALL }, cutNetwork));

  it('all come back at once, and cost each worker one read of what they missed', async () => {
    const name = `hall, all at once, ${engine}`;
    await using arena = await TopicArena.open(name, { engine, ...HALL, rules: STORM.rules });
    const back = async (): Promise<number> => {
      const { recovered, told } = await arena.crowd.report();
      return recovered + told;
    };
    await arena.publisher.publish(STORM.perSecond);
    await delay(BETWEEN_MS);
    const backBefore = await back();
    const readsBefore = await arena.metric('holdfast_topic_range_reads_total');
    const cutAtMs = performance.now();
    for (const proxy of arena.proxies) proxy.cutAll();
    // One whose way back was cut short comes twice.
    await eventually(async () => expect((await back()) - backBefore).toBeGreaterThanOrEqual(HALL.perTopic), {
      withinMs: 120_000,
      everyMs: 100,
    });
    const tookMs = Math.round(performance.now() - cutAtMs);
    const reads = (await arena.metric('holdfast_topic_range_reads_total')) - readsBefore;
    const workers = arena.balancers.flatMap((balancer) => balancer.workerPids()).length;
    const account = await arena.account();
    printTopicAccount(`${name}: back after ${tookMs} ms, ${reads} reads by ${workers} workers`, account);
    expectNothingMissed(account);
    expect(account.crowd.told).toBe(0);
    expect(reads).toBeLessThanOrEqual(workers);
  });

  it('a crowd that stops reading holds up nobody else, costs a bounded amount, and misses nothing untold', async () => {
    const name = `hall, stalled, ${engine}`;
    const shape = { topics: 1, perTopic: READERS, topicsPerClient: 1, bytes: STALL.bytes, rules: SHORT_HISTORY };
    await using arena = await TopicArena.open(name, { engine, ...shape });
    const stalled = await arena.anotherCrowd(planOf(['t:0'], STALLED, 1));
    const measure = async (): Promise<{ readonly lag: number; readonly bytes: number; readonly told: number }> => {
      await arena.crowd.mark();
      await delay(STALL.forMs);
      const { lagsMs, told } = await arena.crowd.report();
      return { lag: percentile(lagsMs, 99), bytes: arena.workerBytes(), told };
    };
    await arena.publisher.publish(STALL.perSecond);
    const before = await measure();
    await stalled.stall();
    const during = await measure();
    await stalled.unstall();
    const top = topsOf(await arena.publisher.stop());
    await Promise.all([arena.crowd.settle(top), stalled.settle(top, 120_000)]);
    const others = await arena.crowd.report();
    const slow = await stalled.report();
    const { told, toldLost, recovered, lost, repeated, violations } = slow;
    const mib = Math.round((during.bytes - before.bytes) / 2 ** 20);
    console.log(
      `${name}: ${JSON.stringify({ lagP99Ms: [before.lag, during.lag], mib, told, toldLost, recovered, lost, repeated })}`,
    );
    expect({ lost, repeated, violations }).toEqual({ lost: 0, repeated: 0, violations: [] });
    expect(others).toMatchObject({ lost: 0, repeated: 0, violations: [] });
    // While all of them read, a slow machine may be too much for itself.
    expect(during.told).toBe(before.told);
    hold(`${name}: p99 of the others, ms`, during.lag, 3 * before.lag + 20);
    // Each may have as much waiting for it as its route allows, and one read of its socket.
    hold(`${name}: memory of ${STALLED} that do not read, MiB`, mib, Math.ceil((STALLED * 320) / 1024) + 32);
  });
});
