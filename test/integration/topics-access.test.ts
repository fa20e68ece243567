/** Who may do what with topics: claims of a token, the backend's word, rules of the configuration, bounds. */
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { positionOf } from '../support/topics/raw-topic-client.js';
import { startTopicStage, type TopicStage } from '../support/topics/topic-stage.js';

const KEY = 'the key of an issuer in tests';

function tokenWith(topics: object): string {
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const text = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub: 'ada', exp: now + 600, topics })}`;
  return `${text}.${createHmac('sha256', KEY).update(text).digest('base64url')}`;
}

describe("a client's wish", () => {
  let stage: TopicStage;

  beforeAll(async () => {
    stage = await startTopicStage({ engine: 'embedded' });
  });

  afterAll(async () => stage?.[Symbol.asyncDispose]());

  it('is granted by its backend, which is asked once for each topic and action', async () => {
    const client = await stage.open();
    expect(await client.subscribe('asked')).toMatchObject({ topic: 'asked', recovered: false });
    client.unsubscribe('asked');
    await client.subscribe('asked');
    expect(await client.publish('asked', 'x')).toMatchObject({ ok: true, offset: 1 });
    expect(await client.publish('asked', 'y')).toMatchObject({ ok: true, offset: 2 });
    expect(stage.app.asked.filter((it) => it.endsWith(' asked'))).toEqual(['subscribe asked', 'publish asked']);
  });

  it('is refused by its backend', async () => {
    const client = await stage.open();
    expect(await client.subscribe('secret:1')).toEqual({ topic: 'secret:1', error: 'forbidden' });
    expect(await client.publish('secret:1', 'x')).toMatchObject({ ok: false, error: 'forbidden', retryable: false });
    expect(await client.history('secret:1')).toMatchObject({ ok: false, error: 'forbidden' });
    expect(await client.presence('secret:1')).toMatchObject({ ok: false, error: 'forbidden' });
    expect((await stage.app.backend.history('secret:1')).top).toBe(0);
    expect(client.closed).toBeUndefined();
  });

  it('is refused where the name is none, and the connection stays', async () => {
    const client = await stage.open();
    for (const topic of ['', 'a\nb', 'x'.repeat(201)]) {
      expect(await client.subscribe(topic)).toEqual({ topic, error: 'invalid' });
    }
    expect(await client.subscribe('fine')).toMatchObject({ topic: 'fine', recovered: false });
  });

  it('is refused beyond a hundred topics', async () => {
    const client = await stage.open();
    const subscribe = (i: number): ReturnType<typeof client.subscribe> => client.subscribe(`many-${i}`);
    for (let i = 0; i < 90; i += 1) await subscribe(i);
    for (let i = 90; i < 100; i += 1) client.say(`join many-${i}`);
    await client.until('the joins', () => (client.controls('s').length >= 100 ? true : undefined));
    // Asks are bounded by time, too: the bucket is full again by then.
    const refused = await client.until('a refusal for the number', () => {
      client.send('s{"topic":"one-too-many"}');
      return client.controls('s', 'one-too-many').at(-1);
    });
    expect(refused).toEqual({ topic: 'one-too-many', error: 'limit' });
  });

  it('to publish is bounded in size and rate by the rule of the topic', async () => {
    const client = await stage.open();
    expect(await client.publish('tiny:1', 'x'.repeat(11))).toMatchObject({
      ok: false,
      error: 'size',
      retryable: false,
    });
    const results = await Promise.all(Array.from({ length: 20 }, () => client.publish('tiny:1', 'x')));
    const accepted = results.filter(({ ok }) => ok === true).length;
    const limited = results.filter(({ error }) => error === 'limit').length;
    // A burst of one second's worth, and what the time of the test adds.
    expect(accepted).toBeGreaterThanOrEqual(5);
    expect(accepted).toBeLessThan(15);
    expect(limited).toBe(20 - accepted);
    const body = JSON.stringify({ topic: 'tiny:1', data: 'x'.repeat(11) });
    expect(await stage.balancers[0]!.admin('/v1/publish', { method: 'POST', body })).toMatchObject({
      status: 413,
      body: { error: { code: 'MESSAGE_TOO_LARGE', expected: 'a message of at most 10 bytes' } },
    });
  });

  it('counts what was refused', async () => {
    const metrics = await stage.balancers[0]!.metrics();
    const published = (labels: Readonly<Record<string, string>>): number =>
      metrics.sum('holdfast_topic_published_total', labels) ?? 0;
    expect(published({ source: 'client', outcome: 'forbidden' })).toBeGreaterThan(0);
    expect(published({ source: 'client', outcome: 'limit' })).toBeGreaterThan(0);
    expect(published({ source: 'admin', outcome: 'size' })).toBeGreaterThan(0);
  });

  it('is shown to the operator', async () => {
    const client = await stage.open();
    await client.subscribe('seen');
    await client.until('the status', () => true);
    const { body } = await stage.balancers[0]!.admin('/v1/status');
    const { workers } = body as { workers: readonly { id: number }[] };
    expect(workers).toHaveLength(2);
  });
});

describe('claims of a token', () => {
  let stage: TopicStage;

  beforeAll(async () => {
    const route = { auth: { jwt: { secret: KEY, algorithms: ['HS256'] } } };
    stage = await startTopicStage({ engine: 'embedded', route });
  });

  afterAll(async () => stage?.[Symbol.asyncDispose]());

  it('grant without asking the backend, and nothing that the backend refuses beyond them', async () => {
    const auth = tokenWith({ subscribe: ['secret:*'], publish: ['secret:1'] });
    const client = await stage.open({ auth });
    const subscribed = await client.subscribe('secret:1');
    expect(subscribed).toMatchObject({ topic: 'secret:1', recovered: false });
    expect(await client.publish('secret:1', 'x')).toMatchObject({ ok: true, epoch: positionOf(subscribed).epoch });
    expect(await client.untilMessages('secret:1', 1)).toEqual(['1 x']);
    expect(stage.app.asked).toEqual([]);
    expect(await client.subscribe('secret:2')).toMatchObject({ recovered: false });
    expect(await client.publish('secret:2', 'x')).toMatchObject({ ok: false, error: 'forbidden' });
    expect(stage.app.asked).toEqual(['publish secret:2']);
  });
});
