import { encodeTopicMessage } from '@holdfast/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { FakeSession } from './testing/fake-subscriber.js';
import { settle, TopicStage } from './testing/topic-stage.js';

const stages: TopicStage[] = [];
beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  for (const stage of stages.splice(0)) stage.close();
  vi.useRealTimers();
});

function stageOf(): TopicStage {
  const stage = new TopicStage();
  stages.push(stage);
  return stage;
}

async function subscribed(
  stage: TopicStage,
  topic = 'news',
  options: { isPlain?: boolean } = {},
): Promise<FakeSession> {
  const session = stage.session(options);
  stage.subscribe(session, topic);
  await settle();
  return session;
}

function frame(topic: string, offset: number, text: string): string {
  return Buffer.from(encodeTopicMessage(topic, { offset, isBinary: false, data: Buffer.from(text) })).toString();
}

/** What it got, and where it was told to be. */
function heard({ received }: FakeSession): readonly string[] {
  return received.map((text) => {
    if (!text.startsWith('s{')) return text;
    const { offset, recovered, error } = JSON.parse(text.slice(1)) as Record<string, unknown>;
    return error === undefined ? `s ${String(offset)} ${String(recovered)}` : `s ${String(error)}`;
  });
}

describe('a slow client', () => {
  it('hears nothing until it has caught up, is told what to ask for again, and loses nothing', async () => {
    const stage = stageOf();
    const [slow, other] = [await subscribed(stage), await subscribed(stage)];
    slow.toDrop = 1;
    await stage.publish('news', 'one', 'two');
    expect(heard(slow)).toEqual(['s 0 false', frame('news', 2, 'two')].slice(0, slow.received.length));
    expect(heard(other)).toHaveLength(3);
    slow.received.length = 0;
    await stage.publish('news', 'three');
    expect(slow.received).toEqual([]);
    stage.slow.onWritable(slow, 0);
    expect(slow.controls('l')).toEqual([{ topics: ['news'] }]);
    stage.subscribe(slow, 'news', 0);
    await settle();
    expect(heard(slow).slice(1)).toEqual([
      's 0 true',
      frame('news', 1, 'one'),
      frame('news', 2, 'two'),
      frame('news', 3, 'three'),
    ]);
    expect(stage.stats.dropped).toBe(1);
    expect(stage.bounds).toEqual(['topic_buffer']);
  });

  it('that is a plain one loses its connection: nothing else would tell it', async () => {
    const stage = stageOf();
    const plain = await subscribed(stage, 'news', { isPlain: true });
    plain.toDrop = 1;
    await stage.publish('news', 'one');
    stage.slow.onWritable(plain, 0);
    expect(plain.closed?.code).toBe(1013);
  });

  it('that takes nothing at all is given up', async () => {
    const stage = stageOf();
    const slow = await subscribed(stage);
    slow.toDrop = 1;
    await stage.publish('news', 'one');
    await settle(9000);
    expect(slow.isEndedSlow).toBe(false);
    await settle(3000);
    expect(slow.isEndedSlow).toBe(true);
  });

  it('is silenced before what waits for it is more than its buffer, and caught up once it has taken that', async () => {
    const stage = stageOf();
    const [slow, other] = [await subscribed(stage), await subscribed(stage)];
    const long = 'x'.repeat(20_000);
    slow.bufferedBytes = slow.bufferBytes - 30_000;
    await stage.publish('news', long, long, long);
    expect(heard(slow)).toHaveLength(2);
    expect(heard(other)).toHaveLength(4);
    expect(stage.bounds).toEqual(['topic_buffer']);
    slow.bufferedBytes = 0;
    stage.slow.onWritable(slow, 0);
    stage.subscribe(slow, 'news', 1);
    await settle();
    expect(slow.received.slice(-2)).toEqual([frame('news', 2, long), frame('news', 3, long)]);
  });

  it('that has little waiting for it is left alone, however much is published', async () => {
    const stage = stageOf();
    const client = await subscribed(stage);
    client.bufferedBytes = 100_000;
    await stage.publish('news', ...Array.from({ length: 20 }, () => 'x'.repeat(20_000)));
    expect(heard(client)).toHaveLength(21);
    expect(stage.bounds).toEqual([]);
  });

  it('is not given all that it missed at once, where that is more than its buffer', async () => {
    const stage = stageOf();
    const long = 'x'.repeat(100_000);
    await subscribed(stage);
    await stage.publish('news', long, long, long, long, long);
    const back = stage.session({ onFrame: (bytes) => (back.bufferedBytes += bytes.length) });
    stage.subscribe(back, 'news', 0);
    await settle();
    expect(back.received.filter((text) => text.startsWith('d'))).toHaveLength(3);
    back.bufferedBytes = 0;
    stage.slow.onWritable(back, 0);
    stage.subscribe(back, 'news', 3);
    await settle();
    expect(back.received.filter((text) => text.startsWith('d'))).toHaveLength(5);
  });

  it('that falls behind while it is given what it missed is not on the topic, and asks again', async () => {
    const stage = stageOf();
    await subscribed(stage);
    await stage.publish('news', 'one', 'two', 'three');
    const back = stage.session();
    stage.subscribe(back, 'news', 0);
    await settle(1);
    back.toDrop = 1;
    await settle();
    await stage.publish('news', 'four');
    expect(back.received).toEqual([]);
    stage.slow.onWritable(back, 0);
    stage.subscribe(back, 'news', 0);
    await settle();
    expect(
      heard(back)
        .slice(1)
        .map((text) => text.slice(-3)),
    ).toEqual(['rue', 'one', 'two', 'ree', 'our']);
  });
});
