/** Subscriptions and joined topics over lost, refused and replaced connections. The server is scripted; time is fake. */
import { encodeGoAway, encodeSubscribeRefused, encodeUnsubscribe, encodeWelcome } from '@holdfast/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Stage, WELCOME } from './testing/stage.js';
import { dataOf, EPOCH, OTHER_EPOCH, textMessage, TopicStage } from './testing/topic-stage.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const GO_AWAY = encodeGoAway({ delayMs: 0, deadlineMs: 30_000, reason: 'drain' });

describe('a new connection', () => {
  it('is told by its hello where each topic is, and asked for the others', async () => {
    const stage = new TopicStage();
    await stage.welcome();
    const { room, told } = stage.subscribe('room:1', { presence: true });
    stage.answer('room:1', 7);
    stage.publish('room:1', 8);
    stage.subscribe('unanswered');
    stage.answer('joined', 3, { joined: true });
    stage.socket.end();
    expect(room.state).toBe('waiting');
    stage.subscribe('meanwhile');
    await stage.dialled(2);
    const next = await stage.welcome({ resumed: true });
    expect(stage.held).toEqual([
      { topic: 'room:1', epoch: EPOCH, offset: 8, presence: true, joined: false },
      { topic: 'joined', epoch: EPOCH, offset: 3, presence: false, joined: true },
    ]);
    expect(next.bodies('s')).toEqual([{ topic: 'unanswered' }, { topic: 'meanwhile' }]);
    stage.publish('room:1', 9);
    expect(dataOf(told)).toEqual(['8']);
    stage.answer('room:1', 8, { recovered: true });
    stage.publish('room:1', 9, 10);
    expect(dataOf(told)).toEqual(['8', '9', '10']);
    expect(room.recovered).toBe(true);
  });

  it('is told so, too, when the session is another', async () => {
    const stage = new TopicStage();
    await stage.welcome();
    const { told } = stage.subscribe('room:1');
    stage.answer('room:1', 7);
    await stage.resumed({ resumed: false });
    expect(stage.held).toHaveLength(1);
    stage.answer('room:1', 9, { epoch: OTHER_EPOCH });
    expect(told.at(-1)).toEqual({
      type: 'subscribed',
      recovered: false,
      epoch: OTHER_EPOCH,
      offset: 9,
      members: undefined,
    });
  });

  it('takes over in the middle: nothing twice, nothing out of order', async () => {
    const stage = new TopicStage();
    const old = await stage.welcome();
    const { told } = stage.subscribe('room:1');
    stage.answer('room:1', 0);
    stage.publish('room:1', 1);
    old.receive(GO_AWAY);
    (await stage.dialled(2)).accept();
    expect(stage.held.map(({ offset }) => offset)).toEqual([1]);
    old.receive(textMessage('room:1', 2));
    stage.subscribe('meanwhile');
    expect([dataOf(told), old.bodies('s')]).toEqual([['1'], [{ topic: 'room:1' }]]);
    const next = await stage.welcome({ resumed: true });
    old.receive(textMessage('room:1', 3));
    expect(next.bodies('s')).toEqual([{ topic: 'meanwhile' }]);
    stage.answer('room:1', 1, { recovered: true });
    stage.publish('room:1', 2, 3, 4);
    expect(dataOf(told)).toEqual(['1', '2', '3', '4']);
  });

  it('that is refused leaves everything to the old one', async () => {
    const stage = new TopicStage();
    const old = await stage.welcome();
    const { told } = stage.subscribe('room:1');
    stage.answer('room:1', 0);
    old.receive(GO_AWAY);
    (await stage.dialled(2)).accept();
    old.receive(textMessage('room:1', 1));
    stage.subscribe('meanwhile');
    stage.socket.end(4013);
    old.receive(textMessage('room:1', 2));
    expect(dataOf(told)).toEqual(['1', '2']);
    expect(old.bodies('s')).toEqual([{ topic: 'room:1' }, { topic: 'meanwhile' }]);
  });
});

describe('while a hello is under way', () => {
  it('asks later for what it does not say', async () => {
    const stage = new TopicStage();
    await stage.welcome();
    stage.subscribe('room:1');
    stage.answer('room:1', 7);
    stage.socket.end();
    (await stage.dialled(2)).accept();
    stage.session.subscribe('room:1', { presence: true });
    stage.socket.receive(encodeWelcome({ ...WELCOME, resumed: true }));
    expect(stage.held).toMatchObject([{ topic: 'room:1', presence: false }]);
    const since = { epoch: EPOCH, offset: 7 };
    expect(stage.socket.bodies('s')).toEqual([{ topic: 'room:1', since, presence: true }]);
  });
});

describe('a refusal for now', () => {
  it('is waited out on the next connection, too', async () => {
    const stage = new TopicStage({ random: () => 0.001 });
    const socket = await stage.welcome();
    stage.subscribe('room:1');
    for (let i = 0; i < 10; i += 1) {
      socket.receive(encodeSubscribeRefused('room:1', 'unavailable'));
      if (i < 9) await vi.advanceTimersByTimeAsync(20);
    }
    socket.end();
    await vi.advanceTimersByTimeAsync(1);
    const next = await stage.welcome({ resumed: true });
    expect(next.bodies('s')).toEqual([]);
    await vi.advanceTimersByTimeAsync(20);
    expect(next.bodies('s')).toEqual([{ topic: 'room:1' }]);
  });

  it('is not waited out for what the hello asked already', async () => {
    const stage = new TopicStage();
    const socket = await stage.welcome();
    stage.subscribe('room:1', { since: { epoch: EPOCH, offset: 7 } });
    socket.receive(encodeSubscribeRefused('room:1', 'unavailable'));
    const next = await stage.resumed();
    await vi.advanceTimersByTimeAsync(10_000);
    expect([stage.held.length, next.bodies('s')]).toEqual([1, []]);
  });
});

describe('a topic that the backend had the session join', () => {
  it('comes as messages of the session, and what is missing is told', async () => {
    const stage = new TopicStage();
    const socket = await stage.welcome();
    stage.answer('room:1', 3, { joined: true });
    stage.publish('room:1', 4, 6);
    expect(socket.bodies('s')).toEqual([{ topic: 'room:1', since: { epoch: EPOCH, offset: 4 } }]);
    stage.answer('room:1', 4, { joined: true, recovered: true });
    stage.publish('room:1', 5);
    stage.answer('room:1', 9, { joined: true });
    socket.receive(encodeUnsubscribe('room:1'));
    stage.publish('room:1', 10);
    const at = { topic: 'room:1', epoch: EPOCH };
    expect(stage.events.slice(1)).toEqual([
      { type: 'joined', recovered: false, offset: 3, ...at },
      { type: 'message', data: '4', topic: 'room:1', offset: 4 },
      { type: 'joined', recovered: true, offset: 4, ...at },
      { type: 'message', data: '5', topic: 'room:1', offset: 5 },
      { type: 'joined', recovered: false, offset: 9, ...at },
      { type: 'left', topic: 'room:1' },
    ]);
  });

  it('is a subscription for as long as the application has one', async () => {
    const stage = new TopicStage();
    const socket = await stage.welcome();
    stage.answer('room:1', 3, { joined: true });
    stage.publish('room:1', 4);
    const { room, told } = stage.subscribe('room:1');
    expect(socket.bodies('s')).toEqual([{ topic: 'room:1', since: { epoch: EPOCH, offset: 4 } }]);
    stage.answer('room:1', 4, { recovered: true });
    stage.publish('room:1', 5);
    room.unsubscribe();
    stage.publish('room:1', 6);
    expect([stage.data, dataOf(told), room.position?.offset]).toEqual([['4', '6'], ['5'], 5]);
  });

  it('gives a subscription what came after its position, though others had it already', async () => {
    const stage = new TopicStage();
    const socket = await stage.welcome();
    stage.answer('room:1', 3, { joined: true });
    const since = { epoch: EPOCH, offset: 1 };
    const { told } = stage.subscribe('room:1', { since });
    expect(socket.bodies('s')).toEqual([{ topic: 'room:1', since }]);
    stage.answer('room:1', 1, { recovered: true });
    stage.publish('room:1', 2, 3);
    expect(dataOf(told)).toEqual(['2', '3']);
  });

  it('keeps nothing of a subscription that ended, which cannot end a later one', async () => {
    const stage = new TopicStage();
    await stage.welcome();
    stage.answer('room:1', 3, { joined: true });
    const first = stage.session.subscribe('room:1', { presence: true });
    first.unsubscribe();
    await stage.resumed();
    expect(stage.held).toEqual([{ topic: 'room:1', epoch: EPOCH, offset: 3, presence: false, joined: true }]);
    const second = stage.session.subscribe('room:1');
    first.unsubscribe();
    expect(stage.session.subscribe('room:1')).toBe(second);
  });

  it('is forgotten when a hello cannot name it: the longest unanswered first', async () => {
    const stage = new TopicStage();
    await stage.welcome();
    for (let i = 0; i < 100; i += 1) stage.answer(`old:${i}`, 1, { joined: true });
    await stage.resumed();
    stage.answer('old:0', 1, { joined: true, recovered: true });
    for (let i = 0; i < 60; i += 1) stage.answer(`new:${i}`, 1, { joined: true });
    stage.subscribe('mine');
    stage.answer('mine', 1);
    await stage.resumed();
    const names = stage.held.map(({ topic }) => topic);
    expect([names.length, names[0], names[38], names.at(-1)]).toEqual([100, 'old:62', 'old:0', 'mine']);
  });

  it('is bounded: a server that goes on joining breaks the protocol', async () => {
    const stage = new TopicStage();
    const socket = await stage.welcome();
    for (let i = 0; i < 201; i += 1) stage.answer(`room:${i}`, 1, { joined: true });
    expect(socket.closedWith?.code).toBe(4400);
  });

  it('is told to a session without topics, whose connection goes on', async () => {
    const stage = new Stage();
    const socket = await stage.welcome();
    socket.receive(`s{"topic":"a","epoch":"${EPOCH}","offset":1,"recovered":false,"joined":true}`);
    socket.receive(textMessage('a', 2));
    socket.receive(Uint8Array.of(2, 1, 3, 0x61).buffer);
    socket.receive(encodeUnsubscribe('a'));
    expect(stage.of('error')).toMatchObject([{ error: { code: 'CLIENT_NO_TOPICS' } }]);
    expect(stage.session.state).toBe('open');
  });
});
