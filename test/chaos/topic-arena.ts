/**
 * What every chaos test of topics has: balancers, a backend that publishes numbered messages without pause, and a crowd that hears
 * them through a proxy per balancer. The account is the crowd's: what was missed, repeated, or out of order without being told.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { Cleanup } from '../support/cleanup.js';
import { type Holdfast, type HoldfastConfig, startHoldfast } from '../support/holdfast.js';
import { type SeededRandom, seededRandom } from '../support/random.js';
import { residentBytes } from '../support/process-facts.js';
import { restartRedis, type RedisServer, startRedis } from '../support/redis.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { planOf, TopicCrowd, type TopicReport } from '../support/topics/topic-crowd.js';
import { percentile } from '../support/sessions/session-crowd.js';
import { type PublisherReport, TopicPublisher, topsOf } from '../support/topics/topic-publisher.js';
import { type Engine, topicConfig } from '../support/topics/topic-stage.js';

export interface TopicArenaOptions {
  readonly engine: Engine;
  readonly topics: number;
  readonly perTopic: number;
  readonly topicsPerClient: number;
  readonly rules?: readonly object[];
  readonly pool?: object;
  /** Of each balancer. @default 2 */
  readonly workers?: number;
  /** Of a message. @default 128 */
  readonly bytes?: number;
  /** A proxy between the balancers and Redis. */
  readonly withRedisProxy?: boolean;
  /** A backend beside the one that publishes, so that sessions have somewhere to go. */
  readonly withSpare?: boolean;
}

export interface Account {
  readonly crowd: TopicReport;
  readonly publisher: PublisherReport;
  /** From the last publish until every subscriber had it. */
  readonly settledMs: number;
}

const IS_WHOLE = process.env['HOLDFAST_CHAOS_STRICT'] === '1';

/** The size of the promise by `npm run test:chaos`, a smaller one elsewhere. */
export function sized(whole: number, smaller: number): number {
  return IS_WHOLE ? whole : smaller;
}

export class TopicArena implements AsyncDisposable {
  readonly random: SeededRandom;
  readonly balancers: Holdfast[];
  readonly proxies: readonly TcpProxy[];
  readonly publisher: TopicPublisher;
  readonly crowd: TopicCrowd;
  redis: RedisServer | undefined;
  /** Between the balancers and Redis, where a test asks for it. */
  readonly redisProxy: TcpProxy | undefined;
  readonly #config: HoldfastConfig;
  readonly #cleanup: Cleanup;

  private constructor(
    parts: Pick<TopicArena, 'random' | 'balancers' | 'proxies' | 'publisher' | 'crowd' | 'redis' | 'redisProxy'>,
    config: HoldfastConfig,
    cleanup: Cleanup,
  ) {
    this.random = parts.random;
    this.balancers = parts.balancers;
    this.proxies = parts.proxies;
    this.publisher = parts.publisher;
    this.crowd = parts.crowd;
    this.redis = parts.redis;
    this.redisProxy = parts.redisProxy;
    this.#config = config;
    this.#cleanup = cleanup;
  }

  static async open(name: string, options: TopicArenaOptions): Promise<TopicArena> {
    const cleanup = new Cleanup();
    try {
      return await TopicArena.#build(name, options, cleanup);
    } catch (error) {
      await cleanup[Symbol.asyncDispose]();
      throw error;
    }
  }

  static async #build(name: string, options: TopicArenaOptions, cleanup: Cleanup): Promise<TopicArena> {
    const { engine, perTopic, topicsPerClient, rules = [], pool = {}, workers = 2, bytes = 128 } = options;
    const random = seededRandom(name);
    const publisher = cleanup.use(await TopicPublisher.start('p'));
    const redis = engine === 'redis' ? await startRedis() : undefined;
    const redisProxy =
      redis !== undefined && options.withRedisProxy === true ? cleanup.use(await startTcpProxy(redis.port)) : undefined;
    const spare = options.withSpare === true ? cleanup.use(await TopicPublisher.start('spare')) : undefined;
    const state = redisProxy === undefined ? (redis?.url ?? 'embedded') : `redis://127.0.0.1:${redisProxy.port}`;
    const backends = [publisher, spare].flatMap((backend) => backend?.url ?? []);
    const config = topicConfig(backends, { state, workers, pool, topics: rules });
    const balancers: Holdfast[] = [];
    const proxies: TcpProxy[] = [];
    let arena: TopicArena | undefined;
    cleanup.defer(async () => {
      await (arena?.redis ?? redis)?.[Symbol.asyncDispose]();
    });
    cleanup.defer(async () => {
      for (const balancer of balancers) await balancer[Symbol.asyncDispose]();
    });
    for (let i = 0; i < (engine === 'redis' ? 2 : 1); i += 1) {
      const balancer = await startHoldfast(config);
      balancers.push(balancer);
      proxies.push(cleanup.use(await startTcpProxy(balancer.port)));
    }
    const names = Array.from({ length: options.topics }, (_, i) => `t:${i}`);
    const urls = proxies.map(({ port }) => `ws://127.0.0.1:${port}/`);
    const crowd = cleanup.use(await TopicCrowd.open({ urls, plan: planOf(names, perTopic, topicsPerClient) }));
    await publisher.topics(names, bytes);
    arena = new TopicArena({ random, balancers, proxies, publisher, crowd, redis, redisProxy }, config, cleanup);
    return arena;
  }

  /** kill -9 of a whole balancer, and its successor on the same ports. */
  async replaceBalancer(index: number): Promise<void> {
    const old = this.balancers[index]!;
    await old.kill9();
    const { port, adminPort } = old;
    this.balancers[index] = await startHoldfast(this.#config, { ports: { port, adminPort } });
  }

  /** Further clients, with an account of their own, and without a proxy that would keep what they do not read. */
  async anotherCrowd(plan: readonly (readonly string[])[]): Promise<TopicCrowd> {
    const urls = this.balancers.map((balancer) => balancer.wsUrl());
    return this.#cleanup.use(await TopicCrowd.open({ urls, plan }));
  }

  /** Of all workers together. */
  workerBytes(): number {
    return this.balancers
      .flatMap((balancer) => balancer.workerPids())
      .reduce((sum, pid) => sum + residentBytes(pid), 0);
  }

  /** Of all balancers together; 0 when nobody has counted yet. */
  async metric(name: string): Promise<number> {
    const sums = await Promise.all(this.balancers.map(async (balancer) => (await balancer.metrics()).sum(name) ?? 0));
    return sums.reduce((sum, value) => sum + value, 0);
  }

  /** Nothing that is sent to Redis or from it arrives, and nobody is told, for so long. */
  async blackHoleRedis(forMs: number): Promise<void> {
    this.redisProxy!.setMode({ name: 'blackHole' });
    await delay(forMs);
    // A connection that goes on after bytes of it were lost is nothing that a network does.
    this.redisProxy!.cutAll();
    this.redisProxy!.setMode({ name: 'pass' });
  }

  async killRedis(): Promise<void> {
    await this.redis!.kill9();
  }

  /** Empty, on its old port. */
  async reviveRedis(): Promise<void> {
    this.redis = await restartRedis(this.redis!);
  }

  /** Stops publishing, waits for the last message everywhere, and gives both ends' account. */
  async account(withinMs = 60_000): Promise<Account> {
    const publisher = await this.publisher.stop();
    const settledMs = await this.crowd.settle(topsOf(publisher), withinMs);
    return { publisher, settledMs, crowd: await this.crowd.report() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup[Symbol.asyncDispose]();
  }
}

/** The raw counts of a run, for whoever reads the log. */
export function printTopicAccount(name: string, { crowd, publisher, settledMs }: Account): void {
  const published = publisher.topics.reduce((sum, topic) => sum + topic.published, 0);
  const { clients, subscribers, received, lost, repeated, told, toldLost, toldRepeated, recovered, events } = crowd;
  const { longestMs, failed, failures } = publisher;
  const lagMs = { p50: percentile(crowd.lagsMs, 50), p99: percentile(crowd.lagsMs, 99) };
  console.log(
    `${name}: ${JSON.stringify({ published, clients, subscribers, received, lost, repeated, told, toldLost, toldRepeated, recovered, lagMs, settledMs, longestPublishMs: longestMs, failedTries: failed, events, violations: crowd.violations.length })}`,
  );
  const reasons = new Set(failures.map((failure) => failure.replace(/^\S+ \d+: /, '')));
  if (failed > 0) console.log(`${name}: failed tries: ${[...reasons].join('; ')}`);
}

/** Nothing lost that nobody told of, nothing twice, nothing out of order, and every publish in its place. */
export function expectNoUntoldLoss({ crowd, publisher }: Account): void {
  expect(crowd.violations).toEqual([]);
  expect(crowd.lost).toBe(0);
  expect(crowd.repeated).toBe(0);
  expect(crowd.received).toBeGreaterThan(0);
  for (const { name, number, published } of publisher.topics) {
    expect(`${name}: ${published} accepted`).toBe(`${name}: ${number} accepted`);
  }
}

/** Nothing lost at all: whatever was missed was kept, and given to who came back. */
export function expectNothingMissed(account: Account): void {
  expectNoUntoldLoss(account);
  expect(account.crowd.toldLost).toBe(0);
  expect(account.crowd.toldRepeated).toBe(0);
  expect(account.crowd.events['reset'] ?? 0).toBe(0);
  // One publisher per topic and every publish once: numbers are offsets.
  for (const { name, number, top } of account.publisher.topics)
    expect(`${name} ends at ${top}`).toBe(`${name} ends at ${number}`);
}
