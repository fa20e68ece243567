import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { TopicMessage } from '../topic-store.js';
import { TopicFeed, VALUES_PER_MESSAGE, type TopicPush } from './topic-feed.js';

describe('TopicFeed', () => {
  it('sends all of one turn at once', async () => {
    const { feed, pushes } = open();
    feed.live('a');
    feed.message('a', 'epoch', messageOf(1));
    feed.message('b', 'epoch', messageOf(2));
    feed.presence('a', { type: 'join', member: { id: 'm', info: '{}' } });
    expect(pushes).toEqual([]);
    await turn();
    const presence = [{ topic: 'a', type: 'join', id: 'm', info: '{}' }];
    expect(pushes).toMatchObject([{ live: ['a'], presence }]);
    expect(offsetsIn(pushes)).toEqual([1, 2]);
  });

  it('sends the next batch when the channel has taken the last, and everything in order', async () => {
    const { feed, pushes, take } = open();
    feed.message('a', 'epoch', messageOf(1));
    await turn();
    feed.message('a', 'epoch', messageOf(2));
    await turn();
    feed.message('a', 'epoch', messageOf(3));
    await turn();
    expect(offsetsIn(pushes)).toEqual([1]);
    take();
    await turn();
    expect(pushes).toHaveLength(2);
    expect(offsetsIn(pushes)).toEqual([1, 2, 3]);
  });

  it('splits what is too large for one message', async () => {
    const { feed, pushes, take } = open();
    for (let n = 1; n <= 5; n += 1) feed.message('a', 'epoch', messageOf(n, 400_000));
    await turn();
    for (let n = 0; n < 3; n += 1) {
      take();
      await turn();
    }
    expect(pushes.map(({ messages }) => messages.length / VALUES_PER_MESSAGE)).toEqual([2, 2, 1]);
    expect(offsetsIn(pushes)).toEqual([1, 2, 3, 4, 5]);
  });

  it('drops what waits for a worker that takes nothing, and says that all is live again when it does', async () => {
    const { feed, pushes, take, behind } = open(10_000);
    feed.topics.add('a').add('b');
    for (let n = 1; n <= 30; n += 1) {
      feed.message('a', 'epoch', messageOf(n, 1000));
      await turn();
    }
    expect(behind).toHaveLength(1);
    expect(offsetsIn(pushes)).toEqual([1]);
    take();
    await turn();
    expect(pushes[1]).toEqual({ live: ['a', 'b'], messages: [], presence: [] });
    feed.message('a', 'epoch', messageOf(31));
    take();
    await turn();
    expect(offsetsIn(pushes)).toEqual([1, 31]);
  });

  it('comes back as well when one turn alone is too much', async () => {
    const { feed, pushes, behind } = open(10_000);
    feed.topics.add('a');
    for (let n = 1; n <= 30; n += 1) feed.message('a', 'epoch', messageOf(n, 1000));
    await turn();
    expect(behind).toHaveLength(1);
    expect(pushes).toEqual([{ live: ['a'], messages: [], presence: [] }]);
  });

  it('sends nothing once it is closed, and to nobody twice what nobody took', async () => {
    const { feed, pushes, refuse, take } = open();
    refuse();
    feed.message('a', 'epoch', messageOf(1));
    await turn();
    feed.message('a', 'epoch', messageOf(2));
    await turn();
    expect(offsetsIn(pushes)).toEqual([2]);
    feed.message('a', 'epoch', messageOf(3));
    feed.close();
    take();
    feed.message('a', 'epoch', messageOf(4));
    await turn();
    expect(offsetsIn(pushes)).toEqual([2]);
  });
});

function open(maxBytes?: number): {
  feed: TopicFeed;
  pushes: TopicPush[];
  behind: number[];
  /** The channel has taken the last push. */
  take: () => void;
  /** There is nobody to take the next one. */
  refuse: () => void;
} {
  const pushes: TopicPush[] = [];
  const behind: number[] = [];
  let onSent = (): void => undefined;
  let isRefused = false;
  const feed = new TopicFeed({
    send: (push, done) => {
      if (isRefused) return (isRefused = false);
      pushes.push(push);
      onSent = done;
      return true;
    },
    onBehind: (waitingBytes) => behind.push(waitingBytes),
    ...(maxBytes === undefined ? {} : { maxBytes }),
  });
  const refuse = (): void => {
    isRefused = true;
  };
  return { feed, pushes, behind, take: () => onSent(), refuse };
}

function messageOf(offset: number, bytes = 1): TopicMessage {
  return { offset, isBinary: true, data: new Uint8Array(bytes), publishedAtMs: 1 };
}

function offsetsIn(pushes: readonly TopicPush[]): readonly unknown[] {
  return pushes.flatMap(({ messages }) => messages.filter((_, i) => i % VALUES_PER_MESSAGE === 2));
}
