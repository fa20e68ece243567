/** What a subscription hears, and what is asked for when something is missing. The server is scripted; time is fake. */
import {
  encodeLagging,
  encodePresenceChange,
  encodeSubscribeRefused,
  encodeTopicMessage,
  encodeUnsubscribe,
} from '@holdfast/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Stage } from './testing/stage.js';
import { dataOf, EPOCH, OTHER_EPOCH, TopicStage } from './testing/topic-stage.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const SINCE = { epoch: EPOCH, offset: 40 };

describe('a subscription', () => {
  it('is asked for once, and hears what follows the answer', async () => {
    const stage = new TopicStage();
    const socket = await stage.welcome();
    const { room, told } = stage.subscribe('room:1');
    expect(stage.session.subscribe('room:1')).toBe(room);
    expect(socket.bodies('s')).toEqual([{ topic: 'room:1' }]);
    stage.publish('room:1', 8);
    stage.answer('room:1', 8);
    stage.publish('room:1', 9, 10);
    stage.publish('another', 1);
    expect(told).toEqual([
      { type: 'subscribed', recovered: false, epoch: EPOCH, offset: 8, members: undefined },
      { type: 'message', data: '9', topic: 'room:1', offset: 9 },
      { type: 'message', data: '10', topic: 'room:1', offset: 10 },
    ]);
    expect([room.state, room.recovered, room.position]).toEqual(['live', false, { epoch: EPOCH, offset: 10 }]);
    expect(stage.data).toEqual([]);
  });

  it('waits for a connection', async () => {
    const stage = new TopicStage();
    const { room } = stage.subscribe('room:1', { presence: true });
    expect([room.state, room.position]).toEqual(['waiting', undefined]);
    const socket = await stage.welcome();
    expect(stage.held).toEqual([]);
    expect(socket.bodies('s')).toEqual([{ topic: 'room:1', presence: true }]);
  });

  it('is asked for once when the application subscribes while it hears of the connection', async () => {
    const stage = new TopicStage();
    stage.session.addEventListener('statechange', () => stage.session.subscribe('room:1'));
    expect((await stage.welcome()).bodies('s')).toEqual([{ topic: 'room:1' }]);
  });

  it('goes on from a position that the application kept', async () => {
    const stage = new TopicStage();
    const before = stage.subscribe('before', { since: SINCE });
    const socket = await stage.welcome();
    const after = stage.subscribe('after', { since: SINCE });
    expect(stage.held.map(({ topic, offset }) => [topic, offset])).toEqual([['before', 40]]);
    expect(socket.bodies('s')).toEqual([{ topic: 'after', since: SINCE }]);
    for (const topic of ['before', 'after']) {
      stage.answer(topic, 40, { recovered: true });
      stage.publish(topic, 41);
    }
    expect([before.room.recovered, dataOf(before.told)]).toEqual([true, ['41']]);
    expect([after.room.recovered, dataOf(after.told)]).toEqual([true, ['41']]);
  });

  it('gives binary messages as the session does', async () => {
    const stage = new TopicStage();
    const socket = await stage.welcome();
    const { told } = stage.subscribe('ü');
    stage.answer('ü', 0);
    const frame = encodeTopicMessage('ü', { offset: 1, isBinary: true, data: Uint8Array.of(7) });
    socket.receive(frame.buffer);
    expect(dataOf(told)).toEqual([Uint8Array.of(7).buffer]);
  });

  it('tells who comes and goes, and asks again when that is wanted later', async () => {
    const stage = new TopicStage();
    const socket = await stage.welcome();
    const { told } = stage.subscribe('room:1');
    stage.answer('room:1', 5);
    stage.session.subscribe('room:1', { presence: true });
    expect(socket.bodies('s').at(-1)).toEqual({ topic: 'room:1', since: { epoch: EPOCH, offset: 5 }, presence: true });
    stage.answer('room:1', 5, { recovered: true, members: 3 });
    const member = { id: 'somebody', info: { name: 'S' } };
    socket.receive(encodePresenceChange({ topic: 'room:1', type: 'leave', member }));
    expect(told.slice(1)).toEqual([
      { type: 'subscribed', recovered: true, epoch: EPOCH, offset: 5, members: 3 },
      { type: 'presence', event: 'leave', member },
    ]);
  });

  it('is not begun with what the server would close the connection for', async () => {
    const stage = new TopicStage();
    await stage.welcome();
    const code = (act: () => unknown): unknown => {
      try {
        return act();
      } catch (error) {
        return (error as { code?: string }).code;
      }
    };
    expect(code(() => stage.session.subscribe('a\u0000b'))).toBe('CLIENT_BAD_TOPIC');
    const since = { epoch: 'short', offset: 1 };
    expect(code(() => stage.session.subscribe('room:1', { since }))).toBe('CLIENT_BAD_OPTION');
    for (let i = 0; i < 100; i += 1) stage.session.subscribe(`room:${i}`);
    expect(code(() => stage.session.subscribe('room:100'))).toBe('CLIENT_TOO_MANY_TOPICS');
    expect(code(() => stage.session.subscribe('room:99'))).toBeTypeOf('object');
    stage.session.close();
    expect(code(() => stage.session.subscribe('room:1'))).toBe('CLIENT_CLOSED');
    expect(code(() => new Stage().session.subscribe('room:1'))).toBe('CLIENT_NO_TOPICS');
  });
});

describe('when messages are missing', () => {
  it('asks again from its position, once until that is answered, and hears each message once', async () => {
    const stage = new TopicStage();
    const socket = await stage.welcome();
    const { told } = stage.subscribe('room:1');
    stage.answer('room:1', 0);
    stage.publish('room:1', 1, 2, 4, 5, 3);
    expect(dataOf(told)).toEqual(['1', '2']);
    expect(socket.bodies('s').slice(1)).toEqual([{ topic: 'room:1', since: { epoch: EPOCH, offset: 2 } }]);
    stage.answer('room:1', 2, { recovered: true });
    stage.publish('room:1', 2, 3, 4, 5, 5, 6);
    expect(dataOf(told)).toEqual(['1', '2', '3', '4', '5', '6']);
    stage.publish('room:1', 8);
    expect(socket.bodies('s')).toHaveLength(3);
  });

  it('asks for each topic that it read too slowly', async () => {
    const stage = new TopicStage();
    const socket = await stage.welcome();
    for (const topic of ['a', 'b', 'c']) {
      stage.subscribe(topic);
      stage.answer(topic, 7);
    }
    socket.receive(encodeLagging(['a', 'c', 'unknown']));
    const since = { epoch: EPOCH, offset: 7 };
    expect(socket.bodies('s').slice(3)).toEqual([
      { topic: 'a', since },
      { topic: 'c', since },
    ]);
  });

  it('takes the position of an answer that lost the thread, and says so', async () => {
    const stage = new TopicStage();
    await stage.welcome();
    const { room, told } = stage.subscribe('room:1');
    stage.answer('room:1', 7);
    stage.answer('room:1', 2, { epoch: OTHER_EPOCH });
    stage.publish('room:1', 8, 3);
    expect(told.slice(1)).toEqual([
      { type: 'subscribed', recovered: false, epoch: OTHER_EPOCH, offset: 2, members: undefined },
    ]);
    expect(room.position).toEqual({ epoch: OTHER_EPOCH, offset: 2 });
  });

  it('does not go back for an answer that was overtaken, and believes none that leaves messages out', async () => {
    const stage = new TopicStage();
    await stage.welcome();
    const { room, told } = stage.subscribe('room:1');
    stage.answer('room:1', 7);
    stage.publish('room:1', 8, 9);
    stage.answer('room:1', 7, { recovered: true });
    stage.publish('room:1', 8, 9, 10);
    expect(dataOf(told)).toEqual(['8', '9', '10']);
    stage.answer('room:1', 20, { recovered: true });
    expect([room.recovered, room.position?.offset]).toEqual([false, 20]);
    stage.answer('room:1', 20, { recovered: true, epoch: OTHER_EPOCH });
    expect(room.recovered).toBe(false);
  });
});

describe('the end of a subscription', () => {
  it('is told to the server, and final', async () => {
    const stage = new TopicStage();
    const socket = await stage.welcome();
    const { room, told } = stage.subscribe('room:1');
    stage.answer('room:1', 7);
    room.unsubscribe();
    room.unsubscribe();
    stage.publish('room:1', 8);
    expect(socket.bodies('x')).toEqual([{ topic: 'room:1' }]);
    expect([room.state, room.position, dataOf(told)]).toEqual(['closed', { epoch: EPOCH, offset: 7 }, []]);
    const again = stage.session.subscribe('room:1');
    expect(again).not.toBe(room);
    room.unsubscribe();
    expect(again.state).toBe('waiting');
    expect(socket.bodies('s')).toEqual([{ topic: 'room:1' }, { topic: 'room:1' }]);
  });

  it('is said again when the server answers what nobody wants any more', async () => {
    const stage = new TopicStage();
    const { room } = stage.subscribe('room:1', { since: SINCE });
    (await stage.dialled(1)).accept();
    room.unsubscribe();
    const socket = await stage.welcome();
    stage.answer('room:1', 40, { recovered: true });
    expect(socket.bodies('x')).toEqual([{ topic: 'room:1' }]);
  });

  it('may be decided by the backend', async () => {
    const stage = new TopicStage();
    const socket = await stage.welcome();
    const { room, told } = stage.subscribe('room:1');
    stage.answer('room:1', 7);
    socket.receive(encodeUnsubscribe('room:1'));
    socket.receive(encodeUnsubscribe('unknown'));
    expect(told.at(-1)).toMatchObject({ error: { code: 'CLIENT_UNSUBSCRIBED', retryable: false } });
    expect([room.state, stage.events.length]).toEqual(['closed', 1]);
  });

  it('is a refusal that stays', async () => {
    const stage = new TopicStage();
    const socket = await stage.welcome();
    const { room, told } = stage.subscribe('room:1');
    socket.receive(encodeSubscribeRefused('room:1', 'forbidden'));
    expect(told).toMatchObject([{ error: { code: 'CLIENT_REFUSED', refusal: 'forbidden', retryable: false } }]);
    expect(room.state).toBe('closed');
    expect(await stage.resumed().then(() => stage.held)).toEqual([]);
  });

  it('is not a refusal that may pass: it is asked for again, later each time', async () => {
    const stage = new TopicStage({ random: () => 0.999 });
    const socket = await stage.welcome();
    const { room, told } = stage.subscribe('room:1');
    for (const [tries, minMs] of [
      [1, 1500],
      [2, 2500],
    ] as const) {
      socket.receive(encodeSubscribeRefused('room:1', 'unavailable'));
      await vi.advanceTimersByTimeAsync(minMs);
      expect(socket.bodies('s')).toHaveLength(tries);
      await vi.advanceTimersByTimeAsync(100);
      expect(socket.bodies('s')).toHaveLength(tries + 1);
    }
    expect(told).toMatchObject([{ error: { retryable: true } }, { error: { retryable: true } }]);
    stage.answer('room:1', 0);
    expect(room.state).toBe('live');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(socket.bodies('s')).toHaveLength(3);
    socket.receive(encodeSubscribeRefused('room:1', 'unavailable'));
    await vi.advanceTimersByTimeAsync(1600);
    expect(socket.bodies('s')).toHaveLength(4);
  });

  it('is not told to a server that has said no for now', async () => {
    const stage = new TopicStage();
    const socket = await stage.welcome();
    const { room } = stage.subscribe('room:1');
    socket.receive(encodeSubscribeRefused('room:1', 'unavailable'));
    room.unsubscribe();
    await vi.advanceTimersByTimeAsync(10_000);
    expect([socket.bodies('s').length, socket.bodies('x')]).toEqual([1, []]);
  });

  it('comes with the end of the session', async () => {
    const stage = new TopicStage();
    await stage.welcome();
    const { room, told } = stage.subscribe('room:1');
    stage.answer('room:1', 7);
    stage.session.close();
    expect([room.state, room.position?.offset, told.length]).toEqual(['closed', 7, 1]);
  });
});
