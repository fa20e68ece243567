/** A subscriber that does not read: it is told, it is bounded, and it costs the others nothing. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { positionOf } from '../support/topics/raw-topic-client.js';
import { startTopicStage, type TopicStage } from '../support/topics/topic-stage.js';
import { openSocket } from '../support/websocket-client.js';

const MESSAGE = 'x'.repeat(60_000);
/** More than the kernel's buffers of a connection and the worker's own together. */
const COUNT = 400;

describe('a slow subscriber', () => {
  let stage: TopicStage;

  beforeAll(async () => {
    stage = await startTopicStage({ engine: 'embedded', workers: 1 });
  });

  afterAll(async () => stage?.[Symbol.asyncDispose]());

  async function publishAll(topic: string, count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) await stage.app.backend.publish(topic, MESSAGE);
  }

  async function dropped(): Promise<number> {
    return (await stage.balancers[0]!.metrics()).sum('holdfast_topic_dropped_total') ?? 0;
  }

  it('is told that it missed something, asks again, and goes on without a hole that it does not know of', async () => {
    const topic = 'slow';
    const [slow, quick] = [await stage.open(), await stage.open()];
    const { epoch } = positionOf(await slow.subscribe(topic));
    await quick.subscribe(topic);
    const before = await dropped();
    slow.socket.pause();
    await publishAll(topic, COUNT);
    // The other one had everything while the slow one stood still.
    const offsets = (await quick.untilMessages(topic, COUNT)).map((message) => Number(message.split(' ', 1)[0]));
    expect(offsets).toEqual(Array.from({ length: COUNT }, (_, i) => i + 1));
    expect(await dropped()).toBe(before + 1);
    slow.socket.resume();
    const lagging = await slow.until('that it lags', () => slow.controls('l')[0]);
    expect(lagging).toEqual({ topics: [topic] });
    const had = slow.messages(topic).map((message) => Number(message.split(' ', 1)[0]));
    // What it has is a beginning of it.
    expect(had).toEqual(Array.from({ length: had.length }, (_, i) => i + 1));
    expect(had.length).toBeLessThan(COUNT);
    const answer = await slow.subscribe(topic, { since: { epoch, offset: had.length } });
    const from = positionOf(answer).offset;
    if (answer['recovered'] === true) expect(from).toBe(had.length);
    else expect(from).toBe(COUNT);
    await stage.app.backend.publish(topic, 'last');
    await slow.until('the last message', () => slow.messages(topic).find((message) => message === `${COUNT + 1} last`));
    const after = slow.messages(topic).map((message) => Number(message.split(' ', 1)[0]));
    expect(after.slice(had.length)).toEqual(Array.from({ length: COUNT + 1 - from }, (_, i) => from + 1 + i));
    expect(slow.closed).toBeUndefined();
  });

  it('on a plain connection is closed with 1013, for it cannot be told otherwise', async () => {
    const topic = 'slow-plain';
    await using plain = await openSocket(stage.url());
    const quick = await stage.open();
    await quick.subscribe(topic);
    plain.send(`join ${topic}`);
    let isOnTopic = false;
    const first = plain.text().then(() => (isOnTopic = true));
    await eventually(async () => {
      await stage.app.backend.publish(topic, 'probe');
      expect(isOnTopic).toBe(true);
    });
    await first;
    plain.ws.pause();
    const had = quick.messages(topic).length;
    await publishAll(topic, COUNT);
    await quick.untilMessages(topic, had + COUNT);
    plain.ws.resume();
    expect((await plain.untilClosed()).code).toBe(1013);
  });

  it('that never reads again is given up, and what it cost is given back', async () => {
    const topic = 'slow-forever';
    const slow = await stage.open();
    await slow.subscribe(topic);
    slow.socket.pause();
    await publishAll(topic, COUNT);
    await eventually(
      async () =>
        expect((await stage.balancers[0]!.admin(`/v1/sessions/${slow.id}`)).body).toMatchObject({ isHere: false }),
      { withinMs: 30_000, everyMs: 200 },
    );
  });
});
