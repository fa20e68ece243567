/** Messages of topics: from backends, operators and clients, to clients of all kinds at all workers of all balancers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { positionOf, type RawTopicClient } from '../support/topics/raw-topic-client.js';
import { subscribersOf } from '../support/topics/redis-ask.js';
import { ENGINES, type SpreadClient, startTopicStage, type TopicStage } from '../support/topics/topic-stage.js';
import { openSocket } from '../support/websocket-client.js';

/** Not before LINGER_MS of the worker: those who come back at once must find the topic. */
const UNSUBSCRIBED_WITHIN_MS = 12_000;

describe.each(ENGINES)('topics with %s state', (engine) => {
  let stage: TopicStage;
  let everywhere: readonly SpreadClient[];

  beforeAll(async () => {
    stage = await startTopicStage({ engine });
    everywhere = await stage.spread();
  });

  afterAll(async () => stage?.[Symbol.asyncDispose]());

  /** Every worker has a subscriber; none has heard anything yet. */
  async function subscribeAll(topic: string): Promise<readonly RawTopicClient[]> {
    const answers = await Promise.all(everywhere.map(({ client }) => client.subscribe(topic)));
    for (const answer of answers) expect(answer).toMatchObject({ topic, offset: 0, recovered: false });
    return everywhere.map(({ client }) => client);
  }

  it("reach the subscribers of every worker in a backend's order, text and binary", async () => {
    const topic = 'from-backend';
    const clients = await subscribeAll(topic);
    const { backend } = stage.app;
    const positions = await Promise.all(
      Array.from({ length: 50 }, (_, i) => backend.publish(topic, i % 10 === 9 ? new Uint8Array([i]) : `m${i}`)),
    );
    expect(positions.map(({ offset }) => offset)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    const expected = positions.map((_, i) =>
      i % 10 === 9 ? `${i + 1} 0x${i.toString(16).padStart(2, '0')}` : `${i + 1} m${i}`,
    );
    for (const client of clients) expect(await client.untilMessages(topic, 50)).toEqual(expected);
  });

  it('have one order for all, whoever publishes', async () => {
    const topic = 'mixed';
    const clients = await subscribeAll(topic);
    const { backend } = stage.app;
    const all = Array.from({ length: 8 }, (_, i) => [
      backend.publish(topic, `b${i}`),
      stage.balancers[i % stage.balancers.length]!.admin('/v1/publish', {
        method: 'POST',
        body: JSON.stringify({ topic, data: `a${i}` }),
      }),
      clients[i % clients.length]!.publish(topic, `c${i}`),
    ]).flat();
    await Promise.all<unknown>(all);
    const [first = [], ...others] = await Promise.all(clients.map((client) => client.untilMessages(topic, 24)));
    expect(first.map((message) => Number(message.split(' ')[0]))).toEqual(Array.from({ length: 24 }, (_, i) => i + 1));
    expect(new Set(first.map((message) => message.split(' ')[1])).size).toBe(24);
    for (const other of others) expect(other).toEqual(first);
  });

  it('answer a publish with its place, once for each idempotency key', async () => {
    const { backend } = stage.app;
    const [client] = await subscribeAll('once');
    const first = await backend.publish('once', 'x', { idempotencyKey: 'k' });
    const second = await backend.publish('once', 'x', { idempotencyKey: 'k' });
    expect(second).toMatchObject({ epoch: first.epoch, offset: 1 });
    const third = await client!.publish('once', 'y');
    expect(third).toMatchObject({ ok: true, epoch: first.epoch, offset: 2 });
    const body = JSON.stringify({ topic: 'once', base64: 'eg==', idempotencyKey: 'k3' });
    const publish = (at: number): Promise<unknown> =>
      stage.balancers[at % stage.balancers.length]!.admin('/v1/publish', { method: 'POST', body });
    expect(await publish(0)).toEqual({ status: 200, body: { epoch: first.epoch, offset: 3 } });
    expect(await publish(1)).toEqual({ status: 200, body: { epoch: first.epoch, offset: 3, repeated: true } });
    expect(await client!.untilMessages('once', 3)).toEqual(['1 x', '2 y', '3 0x7a']);
  });

  it('come to plain clients as they were published, and to sessions that joined, not to those that left', async () => {
    const topic = 'room:plain';
    await using plain = await openSocket(stage.url(1));
    plain.send(`join ${topic}`);
    const joined = await stage.open();
    joined.say(`join ${topic}`);
    await joined.until('the join', () => joined.controls('s', topic)[0]);
    expect(joined.controls('s', topic)).toMatchObject([{ topic, offset: 0, joined: true }]);
    await eventually(async () => expect((await stage.app.backend.presence(topic)).total).toBe(2));
    // A plain client is told nothing: it has joined when what is published comes.
    await eventually(async () => {
      await stage.app.backend.publish(topic, 'probe');
      expect((await plain.message()).data.toString()).toBe('probe');
    });
    await stage.app.backend.publish(topic, new Uint8Array([1, 2]));
    let received = await plain.message();
    while (received.data.toString() === 'probe') received = await plain.message();
    expect(received).toMatchObject({ data: Buffer.from([1, 2]), isBinary: true });
    joined.say(`leave ${topic}`);
    await joined.until('the leave', () => joined.controls('x', topic)[0]);
    const before = joined.messages(topic).length;
    await stage.app.backend.publish(topic, 'after');
    expect((await plain.message()).data.toString()).toBe('after');
    expect(joined.messages(topic)).toHaveLength(before);
  });

  it('stop for those who unsubscribe, and nobody else', async () => {
    const topic = 'leaving';
    const [leaver, ...others] = await subscribeAll(topic);
    await stage.app.backend.publish(topic, 'one');
    await leaver!.untilMessages(topic, 1);
    leaver!.unsubscribe(topic);
    // Answered after what was sent before it, so that it has been read by then.
    await leaver!.history(topic);
    await stage.app.backend.publish(topic, 'two');
    for (const other of others) expect(await other.untilMessages(topic, 2)).toEqual(['1 one', '2 two']);
    expect(leaver!.messages(topic)).toEqual(['1 one']);
  });

  it('go to no worker that has no subscriber', async () => {
    const topic = 'narrow';
    const [{ client, balancer, worker }] = everywhere as readonly [SpreadClient];
    const topicsAt = async (): Promise<number | undefined> =>
      (await balancer.metrics()).sum('holdfast_topics', { worker: String(worker) });
    const before = (await topicsAt()) ?? 0;
    await client.subscribe(topic);
    await eventually(async () => expect(await topicsAt()).toBe(before + 1));
    if (stage.redis !== undefined) expect(await subscribersOf(stage.redis.port, topic)).toBe(1);
    const delivered = async (): Promise<number> =>
      (await balancer.metrics()).sum('holdfast_topic_delivered_total') ?? 0;
    const count = await delivered();
    await stage.app.backend.publish(topic, 'x');
    await client.untilMessages(topic, 1);
    await eventually(async () => expect(await delivered()).toBe(count + 1));
    client.unsubscribe(topic);
    const { redis } = stage;
    if (redis === undefined) return;
    await eventually(async () => expect(await subscribersOf(redis.port, topic)).toBe(0), {
      withinMs: UNSUBSCRIBED_WITHIN_MS,
    });
  });

  it('are found in the history, forward and in reverse, a page at a time', async () => {
    const topic = 'paged';
    const { backend } = stage.app;
    for (let i = 1; i <= 5; i += 1) await backend.publish(topic, `m${i}`);
    const { client } = everywhere.at(-1)!;
    const page = await client.history(topic, { since: 1, limit: 2 });
    expect(page).toMatchObject({ ok: true, top: 5, more: true });
    expect(
      (page['messages'] as { offset: number; data: string }[]).map(({ offset, data }) => `${offset} ${data}`),
    ).toEqual(['2 m2', '3 m3']);
    expect(await client.history(topic, { since: 3, limit: 2, reverse: true })).toMatchObject({
      messages: [{ offset: 2 }, { offset: 1 }],
      more: false,
    });
    expect(await backend.history(topic, { limit: 1, reverse: true })).toMatchObject({
      top: 5,
      messages: [{ offset: 5, data: 'm5' }],
      more: true,
    });
    const { body } = await stage.balancers.at(-1)!.admin(`/v1/topics/${topic}/history?since=4`);
    expect(body).toMatchObject({ ...epochOf(page), top: 5, messages: [{ offset: 5, data: 'm5' }], more: false });
  });

  it('of a rule without history are told and not kept', async () => {
    const topic = 'live:ticks';
    const [client] = await subscribeAll(topic);
    await stage.app.backend.publish(topic, 'tick');
    expect(await client!.untilMessages(topic, 1)).toEqual(['1 tick']);
    expect(await client!.history(topic)).toMatchObject({ ok: true, top: 1, messages: [], more: false });
  });
});

function epochOf(body: Readonly<Record<string, unknown>>): { readonly epoch: string } {
  return { epoch: positionOf({ ...body, offset: 0 }).epoch };
}
