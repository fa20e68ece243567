/**
 * What every engine must show of the topic bus: what is published after `onLive` arrives, once, in order, and everywhere in
 * the same order. What it does when the store is gone for a while is for each engine's own tests.
 */
import { expect, it, vi } from 'vitest';
import type { SharedState } from '../shared-state.js';
import { MAX_TOPIC_MESSAGE_BYTES } from '../topic-store.js';
import { WAIT, type Pair } from './pair.js';
import { earOf, earsOf, messageOf, newTopic, offsetsOf, range, readOf, textsOf, type Heard } from './topic-fixtures.js';

export function describeBus(pair: Pair, connect: () => Promise<SharedState>): void {
  describeDelivery(pair);
  describeOrder(pair);
  describeWishes(pair);
  describeLiveness(pair, connect);
}

function describeDelivery(pair: Pair): void {
  it('tells all subscribers what is published, the publisher too, as a reader would find it', async () => {
    const [[one, two], ears] = [pair(), earsOf(pair)];
    const topic = newTopic(':{a} ž🐎');
    await Promise.all(ears.map((ear) => ear.subscribe(topic)));
    const { epoch } = await one.topics.publish(messageOf(topic, 'ž🐎\n\0:'));
    await two.topics.publish(messageOf(topic, Uint8Array.of(0, 255, 13, 10, 58)));
    await two.topics.publish(messageOf(topic, ''));
    const { messages } = await one.topics.read(readOf(topic));
    for (const ear of ears) {
      await ear.count(topic, 3);
      expect(ear.messages(topic).map(plain)).toEqual(messages.map((message) => plain({ ...message, epoch })));
    }
  });

  it('tells a message of the largest size', async () => {
    const [[one], [ear]] = [pair(), earsOf(pair)];
    const topic = newTopic();
    await ear.subscribe(topic);
    const data = new Uint8Array(MAX_TOPIC_MESSAGE_BYTES).map((_, i) => i * 7);
    await one.topics.publish(messageOf(topic, data));
    await ear.count(topic, 1);
    expect(Buffer.from(data).equals(ear.messages(topic)[0]?.data as Uint8Array)).toBe(true);
  });

  it('tells messages that are not kept, and none that repeats one', async () => {
    const [[one, two], [ear]] = [pair(), earsOf(pair)];
    const topic = newTopic();
    await ear.subscribe(topic);
    const fields = { idempotencyKey: 'k', retention: { messages: 0, ageMs: 60_000 } };
    await one.topics.publish(messageOf(topic, 'once', fields));
    await two.topics.publish(messageOf(topic, 'again', fields));
    await ear.settle(topic);
    expect(textsOf(ear.messages(topic))).toEqual(['1:once', '2:the end']);
  });

  it('has kept a message before it tells of it', async () => {
    const [[one, two]] = [pair()];
    const topic = newTopic();
    const listener = earOf(one);
    await listener.subscribe(topic);
    for (const n of range(1, 20)) {
      await two.topics.publish(messageOf(topic, `${n}`));
      await listener.count(topic, n);
      const page = await one.topics.read(readOf(topic, { since: n - 1 }));
      expect(textsOf(page.messages)).toEqual([`${n}:${n}`]);
    }
  });
}

function describeOrder(pair: Pair): void {
  it('tells everybody the same order when two publish at once', async () => {
    const [states, ears] = [pair(), earsOf(pair)];
    const topic = newTopic();
    await Promise.all(ears.map((ear) => ear.subscribe(topic)));
    const all = range(1, 200).map((n) => states[n % 2]?.topics.publish(messageOf(topic, `message ${n}`)));
    await Promise.all(all);
    const { messages } = await states[0].topics.read(readOf(topic));
    for (const ear of ears) {
      await ear.count(topic, 200);
      expect(textsOf(ear.messages(topic))).toEqual(textsOf(messages));
    }
  });

  it('leaves no gap between the position that is read once it is live and what is told', async () => {
    const [[one, two], [ear]] = [pair(), earsOf(pair)];
    for (const _ of range(1, 5)) {
      const topic = newTopic();
      const publishing = publishUntil(two, topic, () => ear.messages(topic).length >= 10);
      await ear.subscribe(topic);
      const [position] = await one.topics.positions([topic]);
      const last = await publishing;
      await vi.waitFor(() => expect(ear.messages(topic).at(-1)?.offset).toBe(last), WAIT);
      const after = offsetsOf(ear.messages(topic)).filter((offset) => offset > (position?.offset as number));
      expect(after).toEqual(range((position?.offset as number) + 1, last));
    }
  });
}

function describeWishes(pair: Pair): void {
  it('tells of no topic that was not asked for, or is not any more', async () => {
    const [[one], [ear, other]] = [pair(), earsOf(pair)];
    const [wanted, unwanted] = [newTopic(), newTopic()];
    await Promise.all([ear.subscribe(wanted), ear.subscribe(unwanted), other.subscribe(unwanted)]);
    one.bus.unsubscribe(unwanted);
    await vi.waitFor(async () => {
      const before = ear.messages(unwanted).length;
      await one.topics.publish(messageOf(unwanted, 'a'));
      await ear.settle(wanted);
      expect(ear.messages(unwanted)).toHaveLength(before);
    }, WAIT);
    await other.settle(unwanted);
    expect(offsetsOf(other.messages(unwanted))).toEqual(range(1, other.messages(unwanted).length));
  });

  it('hears a topic again that was wanted, unwanted and wanted', async () => {
    const [[one, two], [ear]] = [pair(), earsOf(pair)];
    const topic = newTopic();
    await ear.subscribe(topic);
    one.bus.unsubscribe(topic);
    await ear.subscribe(topic);
    one.bus.unsubscribe(topic);
    one.bus.subscribe(topic);
    one.bus.unsubscribe(topic);
    await ear.subscribe(topic);
    const { offset } = await two.topics.publish(messageOf(topic, 'a'));
    await ear.count(topic, 1);
    expect(offsetsOf(ear.messages(topic))).toEqual([offset]);
  });

  it('takes no notice of the end of a wish that nobody had', async () => {
    const [[one], [ear]] = [pair(), earsOf(pair)];
    const topic = newTopic();
    one.bus.unsubscribe(newTopic());
    one.bus.unsubscribe('');
    await ear.subscribe(topic);
    await ear.settle(topic);
    expect(textsOf(ear.messages(topic))).toEqual(['1:the end']);
  });
}

function describeLiveness(pair: Pair, connect: () => Promise<SharedState>): void {
  it('says again that a topic is live when it is asked for again, and tells each message once all the same', async () => {
    const [[, two], [ear]] = [pair(), earsOf(pair)];
    const topic = newTopic();
    await ear.subscribe(topic);
    await ear.subscribe(topic);
    await two.topics.publish(messageOf(topic, 'a'));
    await ear.settle(topic);
    expect(textsOf(ear.messages(topic))).toEqual(['1:a', '2:the end']);
  });

  it('makes thousands of topics live, and tells of each', async () => {
    const [[one, two], [ear]] = [pair(), earsOf(pair)];
    const topics = Array.from({ length: 3000 }, () => newTopic());
    for (const topic of topics) one.bus.subscribe(topic);
    await vi.waitFor(() => expect(topics.filter((topic) => ear.lives(topic) === 0)).toEqual([]), WAIT);
    await Promise.all(topics.map((topic) => two.topics.publish(messageOf(topic, 'a'))));
    await vi.waitFor(() => expect(topics.filter((topic) => ear.messages(topic).length !== 1)).toEqual([]), WAIT);
    for (const topic of topics) one.bus.unsubscribe(topic);
  });

  it('tells nothing once it is closed', async () => {
    const topic = newTopic();
    const [state, [watcher]] = [await connect(), earsOf(pair)];
    const ear = earOf(state);
    await Promise.all([ear.subscribe(topic), watcher.subscribe(topic)]);
    await state.close();
    state.bus.subscribe(newTopic());
    state.bus.unsubscribe(topic);
    await watcher.settle(topic);
    expect(ear.messages(topic)).toEqual([]);
  });
}

/** Answers the last offset. */
async function publishUntil(state: SharedState, topic: string, isEnough: () => boolean): Promise<number> {
  for (;;) {
    const { offset } = await state.topics.publish(messageOf(topic, 'a'));
    if (isEnough()) return offset;
  }
}

function plain(message: Heard): object {
  return { ...message, data: Buffer.from(message.data).toString('hex') };
}
