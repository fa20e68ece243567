/** Those who come back are given what they missed, or told that nobody knows: never a hole that nobody told of. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cleanup } from '../support/cleanup.js';
import { eventually } from '../support/eventually.js';
import { startHoldfast } from '../support/holdfast.js';
import { restartRedis, startRedis } from '../support/redis.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { positionOf, RawTopicClient } from '../support/topics/raw-topic-client.js';
import { startTopicApp } from '../support/topics/topic-app.js';
import { ENGINES, startTopicStage, topicConfig, type TopicStage } from '../support/topics/topic-stage.js';

describe.each(ENGINES)('coming back, with %s state', (engine) => {
  let stage: TopicStage;

  beforeAll(async () => {
    stage = await startTopicStage({ engine });
  });

  afterAll(async () => stage?.[Symbol.asyncDispose]());

  async function publish(topic: string, count: number): Promise<void> {
    const { backend } = stage.app;
    await Promise.all(Array.from({ length: count }, (_, i) => backend.publish(topic, `m${i}`)));
  }

  /** `from`, `from + 1`, … `to`. */
  function range(from: number, to: number): number[] {
    return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
  }

  function offsetsOf(client: RawTopicClient, topic: string): number[] {
    return client.messages(topic).map((message) => Number(message.split(' ')[0]));
  }

  it.each([
    ['a resumed session', true],
    ['a new one that names its position', false],
  ])('%s gets exactly what it missed, after the answer and before what is new', async (_, isResumed) => {
    const topic = `missed-${isResumed}`;
    const before = await stage.open();
    const { epoch } = positionOf(await before.subscribe(topic));
    await publish(topic, 3);
    await before.untilMessages(topic, 3);
    const token = before.welcome?.token ?? '';
    before.cut();
    await publish(topic, 100);
    const held = { topic, epoch, offset: 3, presence: false, joined: false };
    const after = await stage.open({ at: 1, subscriptions: [held], ...(isResumed ? { token } : {}) });
    expect(after.welcome?.resumed).toBe(isResumed);
    await publish(topic, 7);
    await after.untilMessages(topic, 107);
    expect(after.arrivals[0]).toMatchObject({
      kind: 'control',
      letter: 's',
      body: { recovered: true, epoch, offset: 3 },
    });
    expect(offsetsOf(after, topic)).toEqual(range(4, 110));
    expect(after.controls('s', topic)).toHaveLength(1);
  });

  it('a session that its backend had join gets what it missed, too', async () => {
    const topic = 'joined';
    const before = await stage.open();
    before.say(`join ${topic}`);
    const { epoch } = positionOf(await before.until('the join', () => before.controls('s', topic)[0]));
    const token = before.welcome?.token ?? '';
    before.cut();
    await publish(topic, 5);
    const held = { topic, epoch, offset: 0, presence: false, joined: true };
    const after = await stage.open({ at: 1, token, subscriptions: [held] });
    await after.untilMessages(topic, 5);
    expect(after.controls('s', topic)).toMatchObject([{ joined: true, recovered: true, epoch, offset: 0 }]);
    expect(offsetsOf(after, topic)).toEqual(range(1, 5));
  });

  it('nobody who missed nothing is given anything', async () => {
    const topic = 'same';
    const client = await stage.open();
    const { epoch } = positionOf(await client.subscribe(topic));
    await publish(topic, 2);
    await client.untilMessages(topic, 2);
    const answer = await client.subscribe(topic, { since: { epoch, offset: 2 } });
    expect(answer).toMatchObject({ recovered: true, epoch, offset: 2 });
    await publish(topic, 1);
    await client.untilMessages(topic, 3);
    expect(offsetsOf(client, topic)).toEqual([1, 2, 3]);
  });

  it.each([
    ['another epoch', 'lost-epoch', 3, { epoch: 'AAAAAAAAAAAA', offset: 3 }],
    ['an offset that was never given', 'lost-above', 3, { offset: 4 }],
    ['more than is kept', 'short:1', 8, { offset: 2 }],
    ['more than a worker recovers at once', 'lost-many', 330, { offset: 10 }],
    ['something of a topic without history', 'live:1', 3, { offset: 2 }],
  ])('with %s it is told that nobody knows, and goes on from here', async (_, topic, count, since) => {
    const client = await stage.open({ at: 1 });
    const { epoch } = positionOf(await client.subscribe(topic));
    client.unsubscribe(topic);
    await publish(topic, count);
    const answer = await client.subscribe(topic, { since: { epoch, ...since } });
    expect(answer).toMatchObject({ recovered: false, epoch });
    // What was published a moment ago may have reached this worker, or follows.
    const { offset } = positionOf(answer);
    expect(offset).toBeLessThanOrEqual(count);
    await publish(topic, 1);
    await client.until('what is new', () =>
      client.messages(topic).find((message) => message.startsWith(`${count + 1} `)),
    );
    expect(offsetsOf(client, topic)).toEqual(range(offset + 1, count + 1));
  });

  it('with what is kept, to the last message of it, it misses nothing', async () => {
    const topic = 'short:edge';
    const client = await stage.open();
    const { epoch } = positionOf(await client.subscribe(topic));
    client.unsubscribe(topic);
    await publish(topic, 8);
    expect(await client.subscribe(topic, { since: { epoch, offset: 3 } })).toMatchObject({
      recovered: true,
      offset: 3,
    });
    expect(await client.untilMessages(topic, 5)).toHaveLength(5);
    expect(offsetsOf(client, topic)).toEqual(range(4, 8));
  });

  it('a crowd that comes back at once costs few reads', async () => {
    const topic = 'crowd';
    const first = await stage.open();
    const { epoch } = positionOf(await first.subscribe(topic));
    await publish(topic, 20);
    const readsBefore = await sumOf(stage, 'holdfast_topic_range_reads_total');
    const held = { topic, epoch, offset: 5, presence: false, joined: false };
    const crowd = await Promise.all(range(1, 60).map((i) => stage.open({ at: i, subscriptions: [held] })));
    for (const client of crowd) {
      await client.untilMessages(topic, 15);
      expect(offsetsOf(client, topic)).toEqual(range(6, 20));
    }
    // One per worker and topic, plus what a lost race may cost.
    const reads = (await sumOf(stage, 'holdfast_topic_range_reads_total')) - readsBefore;
    expect(reads).toBeLessThanOrEqual(stage.balancers.length * 2 * 2);
    expect(reads).toBeGreaterThan(0);
  });
});

async function sumOf(stage: TopicStage, metric: string): Promise<number> {
  const all = await Promise.all(stage.balancers.map((balancer) => balancer.metrics()));
  return all.reduce((sum, metrics) => sum + (metrics.sum(metric) ?? 0), 0);
}

describe('with Redis', () => {
  it('that one balancer lost for a while, its subscribers miss nothing', async () => {
    await using cleanup = new Cleanup();
    const redis = cleanup.use(await startRedis());
    const proxy = cleanup.use(await startTcpProxy(redis.port));
    const app = cleanup.use(await startTopicApp());
    const far = cleanup.use(
      await startHoldfast(topicConfig([app.url], { state: `redis://127.0.0.1:${proxy.port}`, workers: 1 })),
    );
    const near = cleanup.use(await startHoldfast(topicConfig([app.url], { state: redis.url, workers: 1 })));
    const client = cleanup.use(await RawTopicClient.open(far.wsUrl()));
    await client.subscribe('gap');
    const publish = (data: string): Promise<{ status: number }> =>
      near.admin('/v1/publish', { method: 'POST', body: JSON.stringify({ topic: 'gap', data }) });
    await publish('m1');
    await client.untilMessages('gap', 1);
    proxy.setMode({ name: 'refuse' });
    proxy.cutAll();
    for (let i = 2; i <= 20; i += 1) expect(await publish(`m${i}`)).toMatchObject({ status: 200 });
    proxy.setMode({ name: 'pass' });
    await client.untilMessages('gap', 20);
    await publish('m21');
    await client.untilMessages('gap', 21);
    expect(client.messages('gap')).toEqual(Array.from({ length: 21 }, (_, i) => `${i + 1} m${i + 1}`));
    expect(client.controls('s', 'gap')).toHaveLength(1);
    expect((await far.metrics()).sum('holdfast_topic_repaired_total', { outcome: 'repaired' })).toBeGreaterThan(0);
  });

  it('killed and back empty, subscribers are told once, and hear what is new', async () => {
    const redis = await startRedis();
    await using cleanup = new Cleanup();
    cleanup.use(redis);
    const stage = cleanup.use(await startTopicStage({ engine: 'redis', stateUrl: redis.url }));
    const clients = await stage.spread();
    const answers = await Promise.all(clients.map(({ client }) => client.subscribe('reborn')));
    const { epoch } = positionOf(answers[0]!);
    await stage.app.backend.publish('reborn', 'one');
    for (const { client } of clients) await client.untilMessages('reborn', 1);
    await redis.kill9();
    const publish = async (data: string): Promise<number> => {
      const body = JSON.stringify({ topic: 'reborn', data });
      return (await stage.balancers[0]!.admin('/v1/publish', { method: 'POST', body })).status;
    };
    expect(await publish('lost')).toBe(503);
    expect(await clients[0]!.client.publish('reborn', 'lost')).toMatchObject({
      ok: false,
      error: 'unavailable',
      retryable: true,
    });
    cleanup.use(await restartRedis(redis));
    await eventually(async () => expect(await publish('again')).toBe(200), { withinMs: 20_000, everyMs: 200 });
    // A worker may be back later than the one that published: what it is told of first is where the topic is by then.
    await eventually(
      async () => {
        await publish('more');
        for (const { client } of clients) {
          expect(client.messages('reborn').filter((message) => message.endsWith(' more')).length).toBeGreaterThan(0);
        }
      },
      { withinMs: 20_000, everyMs: 200 },
    );
    for (const { client } of clients) {
      const told = client.controls('s', 'reborn').slice(1);
      expect(told.length).toBeGreaterThanOrEqual(1);
      for (const body of told) expect(body['recovered']).toBe(false);
      expect(told.at(-1)?.['epoch']).not.toBe(epoch);
      expect(client.closed).toBeUndefined();
    }
  });
});
