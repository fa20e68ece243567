/** Loops over a subscription: what they are given, what they are told, how they end. The server is scripted; time is fake. */
import { encodeSubscribeRefused } from '@holdfast/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Subscription } from './subscription.js';
import { settled } from './testing/stage.js';
import { OTHER_EPOCH, TopicStage } from './testing/topic-stage.js';
import { MAX_WAITING, type TopicItem } from './topic-reader.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** What a loop saw: data of messages, and gaps by their offset. */
interface Loop {
  readonly seen: string[];
  readonly done: Promise<string>;
}

function describeItem(item: TopicItem): string {
  return item.type === 'gap' ? `${item.cause} up to ${item.offset}` : String(item.data);
}

function loopOver(room: Subscription): Loop {
  const seen: string[] = [];
  const run = async (): Promise<string> => {
    try {
      for await (const item of room) seen.push(describeItem(item));
      return 'ended';
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  return { seen, done: run() };
}

async function live(offset = 0): Promise<{ readonly stage: TopicStage; readonly room: Subscription }> {
  const stage = new TopicStage();
  await stage.welcome();
  const { room } = stage.subscribe('room:1');
  stage.answer('room:1', offset);
  return { stage, room };
}

describe('a loop over a subscription', () => {
  it('is given each message, in order, whether it waits or is late', async () => {
    const { stage, room } = await live();
    const loop = loopOver(room);
    stage.publish('room:1', 1);
    await settled();
    stage.publish('room:1', 2, 3);
    await settled();
    expect(loop.seen).toEqual(['1', '2', '3']);
    room.unsubscribe();
    expect(await loop.done).toBe('ended');
  });

  it('is told where messages are missing, between those before and those after', async () => {
    const { stage, room } = await live(7);
    const loop = loopOver(room);
    stage.publish('room:1', 8);
    stage.answer('room:1', 3, { epoch: OTHER_EPOCH });
    stage.publish('room:1', 4);
    await settled();
    expect(loop.seen).toEqual(['8', 'lost up to 3', '4']);
  });

  it('loses the oldest when it is too slow, and is told in front of the rest', async () => {
    const { stage, room } = await live();
    const reader = room[Symbol.asyncIterator]();
    for (let offset = 1; offset <= MAX_WAITING + 3; offset += 1) stage.publish('room:1', offset);
    const first = await reader.next();
    const second = await reader.next();
    expect(first.value).toEqual({ type: 'gap', topic: 'room:1', offset: 3, cause: 'overflow' });
    expect(second.value).toMatchObject({ type: 'message', offset: 4 });
    for (let offset = 5; offset <= MAX_WAITING + 3; offset += 1) {
      expect((await reader.next()).value).toMatchObject({ type: 'message', offset });
    }
  });

  it('has messages for itself: others see them, too', async () => {
    const { stage, room } = await live();
    const loops = [loopOver(room), loopOver(room)];
    stage.publish('room:1', 1);
    await settled();
    expect(loops.map(({ seen }) => seen)).toEqual([['1'], ['1']]);
  });

  it('is given what came before the end, then ends', async () => {
    const { stage, room } = await live();
    const loop = loopOver(room);
    stage.publish('room:1', 1, 2);
    stage.session.close();
    expect([await loop.done, loop.seen]).toEqual(['ended', ['1', '2']]);
    expect(await loopOver(room).done).toBe('ended');
  });

  it('fails when the server refuses the subscription, once, whether it waits or not', async () => {
    const { stage, room } = await live();
    const loop = loopOver(room);
    const late = room[Symbol.asyncIterator]();
    stage.socket.receive(encodeSubscribeRefused('room:1', 'forbidden'));
    expect(await loop.done).toBe('CLIENT_REFUSED');
    await expect(late.next()).rejects.toMatchObject({ refusal: 'forbidden' });
    expect(await late.next()).toEqual({ done: true, value: undefined });
  });

  it('keeps nothing once it is left', async () => {
    const { stage, room } = await live();
    const reader = room[Symbol.asyncIterator]();
    stage.publish('room:1', 1);
    const calls = [reader.next(), reader.next(), reader.next()];
    await reader.return?.();
    stage.publish('room:1', 2);
    expect((await Promise.all(calls)).map(({ done }) => done)).toEqual([false, true, true]);
    expect(await reader.next()).toEqual({ done: true, value: undefined });
    expect(room.state).toBe('live');
  });
});
