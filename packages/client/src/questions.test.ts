/** History, presence and publish: what is asked, answered, refused and never answered. The server is scripted; time is fake. */
import { encodeGoAway, encodeTopicFailure, encodeTopicResult, readPublish } from '@holdfast/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ANSWER_TIMEOUT_MS, MAX_QUESTIONS, MAX_WAITING_BYTES } from './questions.js';
import { settled } from './testing/stage.js';
import { EPOCH, TopicStage } from './testing/topic-stage.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** What became of a promise: its value, or the code of its error, or undefined while it is open. */
function outcomeOf(promise: Promise<unknown>): { value?: unknown } {
  const outcome: { value?: unknown } = {};
  promise.then(
    (value) => (outcome.value = value),
    (error: { code: string; retryable: boolean; refusal?: string }) =>
      (outcome.value = [error.code, error.retryable, error.refusal].filter((part) => part !== undefined)),
  );
  return outcome;
}

describe('a question', () => {
  it('is answered by number, in any order', async () => {
    const stage = new TopicStage();
    const socket = await stage.welcome();
    const { room } = stage.subscribe('room:1');
    const published = room.publish('hi');
    const history = room.history({ since: 3, limit: 2, reverse: true });
    const presence = room.presence();
    expect(socket.texts.filter((text) => text.startsWith('b'))).toEqual(['b1.6:room:1hi']);
    expect(socket.bodies('i')).toEqual([{ ref: 2, topic: 'room:1', since: 3, limit: 2, reverse: true }]);
    expect(socket.bodies('k')).toEqual([{ ref: 3, topic: 'room:1' }]);
    socket.receive(encodeTopicResult(3, { members: [{ id: 'a', info: { n: 1 } }], total: 2 }));
    const messages = [
      { offset: 2, data: 'two', atMs: 20 },
      { offset: 1, base64: 'Bw==', atMs: 10 },
    ];
    socket.receive(encodeTopicResult(2, { epoch: EPOCH, top: 9, messages, more: false }));
    socket.receive(encodeTopicResult(1, { epoch: EPOCH, offset: 10 }));
    socket.receive(encodeTopicResult(1, { epoch: EPOCH, offset: 10 }));
    expect(await published).toEqual({ epoch: EPOCH, offset: 10 });
    expect(await presence).toEqual({ members: [{ id: 'a', info: { n: 1 } }], total: 2 });
    const [two, one] = (await history).messages;
    expect([two, one]).toEqual([messages[0], { offset: 1, data: Uint8Array.of(7).buffer, atMs: 10 }]);
  });

  it('takes bytes, as they are when it is asked', async () => {
    const stage = new TopicStage();
    const { room } = stage.subscribe('ü');
    const bytes = Uint8Array.of(1, 2);
    void outcomeOf(room.publish(bytes));
    bytes.fill(0);
    const { sent } = await stage.welcome();
    const frame = sent.find((one) => typeof one !== 'string') ?? new Uint8Array();
    const read = readPublish(frame, { start: 0, end: frame.length, isBinary: true });
    expect([read.topic, [...frame.subarray(read.payloadAt)]]).toEqual(['ü', [1, 2]]);
  });

  it('is refused as the server says', async () => {
    const stage = new TopicStage();
    const socket = await stage.welcome();
    const { room } = stage.subscribe('room:1');
    const limited = outcomeOf(room.publish('a'));
    const forbidden = outcomeOf(room.history());
    socket.receive(encodeTopicFailure(1, 'limit', true));
    socket.receive(encodeTopicFailure(2, 'forbidden', false));
    await settled();
    expect(limited.value).toEqual(['CLIENT_REFUSED', true, 'limit']);
    expect(forbidden.value).toEqual(['CLIENT_REFUSED', false, 'forbidden']);
  });

  it('fails when it is not answered in time, each by its own', async () => {
    const stage = new TopicStage();
    await stage.welcome();
    const { room } = stage.subscribe('room:1');
    const first = outcomeOf(room.publish('a'));
    await vi.advanceTimersByTimeAsync(4000);
    const second = outcomeOf(room.presence());
    await vi.advanceTimersByTimeAsync(ANSWER_TIMEOUT_MS - 4001);
    expect(first.value).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expect([first.value, second.value]).toEqual([['CLIENT_TIMEOUT', true], undefined]);
    await vi.advanceTimersByTimeAsync(4000);
    expect(second.value).toEqual(['CLIENT_TIMEOUT', true]);
  });

  it('waits for a connection, in order, and not for ever', async () => {
    const stage = new TopicStage();
    const { room } = stage.subscribe('room:1');
    const late = outcomeOf(room.publish('late'));
    await vi.advanceTimersByTimeAsync(ANSWER_TIMEOUT_MS);
    expect(late.value).toEqual(['CLIENT_TIMEOUT', true]);
    await stage.dialled(2);
    for (const text of ['a', 'b']) void outcomeOf(room.publish(text));
    const socket = await stage.welcome();
    expect(socket.texts.filter((text) => text.startsWith('b'))).toEqual(['b2.6:room:1a', 'b3.6:room:1b']);
  });

  it('fails with its connection and is not asked again: it may have taken effect', async () => {
    const stage = new TopicStage();
    const socket = await stage.welcome();
    const { room } = stage.subscribe('room:1');
    const published = outcomeOf(room.publish('once'));
    socket.end();
    await settled();
    expect(published.value).toEqual(['CLIENT_DISCONNECTED', true]);
    await stage.dialled(2);
    const next = await stage.welcome({ resumed: true });
    expect(next.texts.filter((text) => text.startsWith('b'))).toEqual([]);
  });

  it('is still answered by a connection that is about to be replaced', async () => {
    const stage = new TopicStage();
    const old = await stage.welcome();
    const { room } = stage.subscribe('room:1');
    const answered = outcomeOf(room.publish('a'));
    const unanswered = outcomeOf(room.publish('b'));
    old.receive(encodeGoAway({ delayMs: 0, deadlineMs: 30_000, reason: 'drain' }));
    (await stage.dialled(2)).accept();
    old.receive(encodeTopicResult(1, { epoch: EPOCH, offset: 1 }));
    const waiting = outcomeOf(room.publish('c'));
    const next = await stage.welcome({ resumed: true });
    expect([answered.value, unanswered.value]).toEqual([{ epoch: EPOCH, offset: 1 }, ['CLIENT_DISCONNECTED', true]]);
    expect(next.texts.filter((text) => text.startsWith('b'))).toEqual(['b3.6:room:1c']);
    next.receive(encodeTopicResult(3, { epoch: EPOCH, offset: 3 }));
    await settled();
    expect(waiting.value).toEqual({ epoch: EPOCH, offset: 3 });
  });

  it('fails when the session closes, and after that', async () => {
    const stage = new TopicStage();
    await stage.welcome();
    const { room } = stage.subscribe('room:1');
    const open = outcomeOf(room.publish('a'));
    stage.session.close();
    const late = outcomeOf(room.history());
    await settled();
    expect([open.value, late.value]).toEqual([
      ['CLIENT_CLOSED', false],
      ['CLIENT_CLOSED', false],
    ]);
  });

  it('is one of so many, and no larger than messages may be', async () => {
    const stage = new TopicStage();
    await stage.welcome({ limits: { messageBytes: 100, queueMessages: 0, queueBytes: 0 } });
    const { room } = stage.subscribe('room:1');
    const big = outcomeOf(room.publish('a'.repeat(101)));
    const odd = outcomeOf(room.history({ limit: 1001 }));
    const strange = outcomeOf(room.publish(7 as never));
    for (let i = 0; i < MAX_QUESTIONS; i += 1) void outcomeOf(room.publish('a'));
    const more = outcomeOf(room.publish('a'));
    await settled();
    expect([big, odd, strange, more].map(({ value }) => value)).toEqual([
      ['CLIENT_MESSAGE_TOO_BIG', false],
      ['CLIENT_BAD_OPTION', false],
      ['CLIENT_BAD_DATA', false],
      ['CLIENT_QUEUE_FULL', true],
    ]);
  });

  it('waits only while so many bytes do', async () => {
    const stage = new TopicStage();
    const { room } = stage.subscribe('room:1');
    const half = 'a'.repeat(MAX_WAITING_BYTES / 2);
    const outcomes = [half, half, half].map((text) => outcomeOf(room.publish(text)));
    await settled();
    expect(outcomes.map(({ value }) => value)).toEqual([undefined, undefined, ['CLIENT_QUEUE_FULL', true]]);
    const socket = await stage.welcome();
    expect(socket.texts.filter((text) => text.startsWith('b'))).toHaveLength(2);
    const next = outcomeOf(room.publish(half));
    await settled();
    expect(next.value).toBeUndefined();
  });
});

describe('an answer that is none', () => {
  it('closes the connection, and the question is rejected with it', async () => {
    const stage = new TopicStage();
    const socket = await stage.welcome();
    const { room } = stage.subscribe('room:1');
    const published = outcomeOf(room.publish('a'));
    socket.receive(encodeTopicResult(1, { epoch: 'short', offset: 1 }));
    await settled();
    expect(socket.closedWith?.code).toBe(4400);
    expect(published.value).toEqual(['CLIENT_DISCONNECTED', true]);
  });
});
