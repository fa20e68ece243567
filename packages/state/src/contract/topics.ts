/**
 * What every engine must show of topics: positions that can be relied on, and pages without gaps. Each test has topics of
 * its own. What subscribers see is in bus.ts, random histories against a model are in topic-model.ts.
 */
import { expect, it, vi } from 'vitest';
import { SHORT_MS, WAIT, type Pair } from './pair.js';
import { messageOf, newTopic, offsetsOf, range, readOf, textsOf } from './topic-fixtures.js';
import { describeTopicModel } from './topic-model.js';
import { describeTopicRefusals } from './topic-refusals.js';
import {
  MAX_READ_BYTES,
  MAX_TOPIC_BYTES,
  MAX_TOPIC_MESSAGE_BYTES,
  type TopicPosition,
  type TopicStore,
} from '../topic-store.js';

type Stores = () => readonly [TopicStore, TopicStore];

export function describeTopics(pair: Pair): void {
  const stores: Stores = () => [pair()[0].topics, pair()[1].topics];
  describePositions(stores);
  describeNames(stores);
  describePages(stores);
  describeRetention(stores);
  describeIdempotency(stores);
  describeTopicRefusals(() => stores()[0]);
  describeTopicModel(stores);
}

function describePositions(stores: Stores): void {
  it('numbers messages from 1 under one epoch, whoever publishes', async () => {
    const [one, two] = stores();
    const topic = newTopic();
    const first = await one.publish(messageOf(topic, 'a'));
    expect(first).toEqual({ epoch: expect.stringMatching(/^[\w-]{12}$/), offset: 1, isRepeat: false });
    expect(await two.publish(messageOf(topic, 'b'))).toEqual({ epoch: first.epoch, offset: 2, isRepeat: false });
    expect(await one.positions([topic])).toEqual([{ epoch: first.epoch, offset: 2 }]);
  });

  it('gives a topic that nobody knows an epoch and 0, the same to all who ask, and that epoch to its first message', async () => {
    const [one, two] = stores();
    const topic = newTopic();
    const [[asked], page] = await Promise.all([one.positions([topic]), two.read(readOf(topic))]);
    expect(asked).toEqual({ epoch: expect.stringMatching(/^[\w-]{12}$/), offset: 0 });
    expect(page).toEqual({ ...asked, messages: [], first: 1 });
    expect(await two.publish(messageOf(topic, 'a'))).toMatchObject({ epoch: asked?.epoch, offset: 1 });
  });

  it('answers positions in the order asked for, repeated ones too', async () => {
    const [one, two] = stores();
    const topics = Array.from({ length: 300 }, () => newTopic());
    const some = topics.filter((_, i) => i % 3 === 0);
    const published = new Map<string, object>();
    for (const topic of some) published.set(topic, positionOf(await one.publish(messageOf(topic, 'a'))));
    const unknown = { epoch: expect.any(String), offset: 0 };
    const asked = [...topics, ...some];
    expect(await two.positions(asked)).toEqual(asked.map((topic) => published.get(topic) ?? unknown));
    expect(await one.positions([])).toEqual([]);
  });

  it('gives each of many that publish at once a number of its own, and keeps all in that order', async () => {
    const [one, two] = stores();
    const topic = newTopic();
    const published = await Promise.all(
      range(1, 200).map(async (n) => {
        const { offset } = await (n % 2 === 0 ? one : two).publish(messageOf(topic, `message ${n}`));
        return `${offset}:message ${n}`;
      }),
    );
    const { messages, offset } = await one.read(readOf(topic));
    expect(offset).toBe(200);
    expect(offsetsOf(messages)).toEqual(range(1, 200));
    expect(textsOf(messages).toSorted()).toEqual(published.toSorted());
  });
}

function describeNames(stores: Stores): void {
  it('keeps topics apart whose names look like each other or like keys', async () => {
    const [one, two] = stores();
    const base = newTopic();
    const endings = [
      '',
      ':log',
      ':live',
      ':members',
      ':once:k',
      ':',
      '{',
      '}',
      '{}',
      '{a}',
      '%',
      '%3A',
      '*',
      ' ',
      'é',
      'e\u0301',
      '🐎',
      '\u0085',
    ];
    const topics = endings.map((ending) => `${base}${ending}`);
    await Promise.all(topics.map((topic) => one.publish(messageOf(topic, topic, { idempotencyKey: 'k' }))));
    const pages = await Promise.all(topics.map((topic) => two.read(readOf(topic))));
    expect(pages.map(({ messages }) => textsOf(messages))).toEqual(topics.map((topic) => [`1:${topic}`]));
  });

  it.each(['{', '}', '{}', '{}a', 'a{b}c', '*', '__proto__', ':', '%'])('takes %s as a name', async (topic) => {
    const { offset } = await stores()[0].publish(messageOf(topic, 'a'));
    const { messages } = await stores()[1].read(readOf(topic, { since: offset - 1 }));
    expect(textsOf(messages)).toEqual([`${offset}:a`]);
  });

  it('takes names up to their bound', async () => {
    const topic = newTopic().padEnd(MAX_TOPIC_BYTES - 2, 'x') + 'é';
    expect(await stores()[0].publish(messageOf(topic, 'a'))).toMatchObject({ offset: 1 });
  });
}

function describePages(stores: Stores): void {
  it('gives messages back as they were published, with the time of the store', async () => {
    const [one, two] = stores();
    const topic = newTopic();
    const texts = ['', 'ž🐎\n\0', '{"a":1}', 'm1:2:3:t:4'];
    const bytes = [Uint8Array.of(), Uint8Array.of(0, 255, 13, 10, 0xed, 0xa0, 0x80), new Uint8Array(70_000).fill(7)];
    for (const data of [...texts, ...bytes]) await one.publish(messageOf(topic, data));
    const { messages } = await two.read(readOf(topic));
    expect(messages.map(({ isBinary }) => isBinary)).toEqual([...texts.map(() => false), ...bytes.map(() => true)]);
    const sent = [...texts.map((text) => Buffer.from(text)), ...bytes];
    expect(messages.map(({ data }) => Buffer.from(data).toString('hex'))).toEqual(
      sent.map((data) => Buffer.from(data).toString('hex')),
    );
    const times = messages.map(({ publishedAtMs }) => publishedAtMs);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(Math.abs((times[0] as number) - Date.now())).toBeLessThan(10_000);
  });

  it.each<[string, object, readonly number[]]>([
    ['all, from the oldest', {}, range(1, 40)],
    ['the first few', { limit: 3 }, [1, 2, 3]],
    ['those after an offset', { since: 37 }, [38, 39, 40]],
    ['a few after an offset', { since: 17, limit: 2 }, [18, 19]],
    ['none after the last', { since: 40 }, []],
    ['none after one that does not exist yet', { since: 41 }, []],
    ['all after 0', { since: 0 }, range(1, 40)],
    ['all, from the newest', { isReverse: true }, range(1, 40).toReversed()],
    ['the last few', { isReverse: true, limit: 2 }, [40, 39]],
    ['those before an offset', { isReverse: true, since: 3 }, [2, 1]],
    ['a few before an offset', { isReverse: true, since: 23, limit: 20 }, range(3, 22).toReversed()],
    ['none before the first', { isReverse: true, since: 1 }, []],
    ['all before one that does not exist yet', { isReverse: true, since: 1000 }, range(1, 40).toReversed()],
  ])('gives %s', async (_, fields, expected) => {
    const [one, two] = stores();
    const topic = newTopic();
    for (const n of range(1, 40)) await one.publish(messageOf(topic, `${n}`));
    const { messages, offset, first } = await two.read(readOf(topic, fields));
    expect(offsetsOf(messages)).toEqual(expected);
    expect([offset, first]).toEqual([40, 1]);
  });

  it('ends a page before it grows too large, but never empty', async () => {
    const [one, two] = stores();
    const topic = newTopic();
    const sizes = [MAX_TOPIC_MESSAGE_BYTES, 1, 400_000, 400_000, 400_000];
    for (const size of sizes) await one.publish(messageOf(topic, new Uint8Array(size)));
    expect(MAX_TOPIC_MESSAGE_BYTES).toBe(MAX_READ_BYTES);
    const page = async (fields: object): Promise<readonly number[]> =>
      offsetsOf((await two.read(readOf(topic, fields))).messages);
    expect(await page({})).toEqual([1]);
    expect(await page({ since: 1 })).toEqual([2, 3, 4]);
    expect(await page({ since: 4 })).toEqual([5]);
    expect(await page({ isReverse: true })).toEqual([5, 4]);
    expect(await page({ isReverse: true, since: 2 })).toEqual([1]);
    for (const size of [MAX_READ_BYTES / 2, MAX_READ_BYTES / 2, 0, 1])
      await one.publish(messageOf(topic, new Uint8Array(size)));
    expect(await page({ since: 5 })).toEqual([6, 7, 8]);
  });
}

function describeRetention(stores: Stores): void {
  it('keeps the newest, as many as the last publish said', async () => {
    const [one, two] = stores();
    const topic = newTopic();
    const keep = (messages: number): object => ({ retention: { messages, ageMs: 60_000 } });
    for (const n of range(1, 9)) await one.publish(messageOf(topic, `${n}`, keep(5)));
    expect(await two.read(readOf(topic))).toMatchObject({ first: 5, offset: 9 });
    await one.publish(messageOf(topic, '10', keep(2)));
    const page = await two.read(readOf(topic));
    expect(textsOf(page.messages)).toEqual(['9:9', '10:10']);
    expect(page.first).toBe(9);
    expect(await two.read(readOf(topic, { since: 3 }))).toMatchObject({ messages: page.messages, first: 9 });
  });

  it('forgets messages that are too old, but not where the topic is', async () => {
    const [one, two] = stores();
    const topic = newTopic();
    const fields = { retention: { messages: 10, ageMs: SHORT_MS } };
    const { epoch } = await one.publish(messageOf(topic, 'a', fields));
    await vi.waitFor(async () => {
      expect(await two.read(readOf(topic))).toEqual({ epoch, offset: 1, messages: [], first: 2 });
    }, WAIT);
    expect(await two.publish(messageOf(topic, 'b', fields))).toEqual({ epoch, offset: 2, isRepeat: false });
    expect(textsOf((await one.read(readOf(topic))).messages)).toEqual(['2:b']);
  });

  it('does not give a reader what is too old for it, nor count it as kept', async () => {
    const [one, two] = stores();
    const topic = newTopic();
    for (const text of ['a', 'b', 'c']) await one.publish(messageOf(topic, text));
    await vi.waitFor(async () => {
      expect(await two.read(readOf(topic, { ageMs: SHORT_MS }))).toMatchObject({ messages: [], first: 4, offset: 3 });
    }, WAIT);
    await one.publish(messageOf(topic, 'd'));
    const page = await two.read(readOf(topic, { ageMs: SHORT_MS, isReverse: true }));
    expect([textsOf(page.messages), page.first]).toEqual([['4:d'], 4]);
    expect(await two.read(readOf(topic))).toMatchObject({ first: 1, messages: { length: 4 } });
  });

  it('keeps nothing where nothing is to be kept, and has no page with a gap around it', async () => {
    const [one, two] = stores();
    const topic = newTopic();
    const nothing = { retention: { messages: 0, ageMs: 60_000 } };
    const { epoch } = await one.publish(messageOf(topic, 'a', nothing));
    expect(await two.read(readOf(topic))).toEqual({ epoch, offset: 1, messages: [], first: 2 });
    await one.publish(messageOf(topic, 'b'));
    expect(await two.read(readOf(topic))).toMatchObject({ offset: 2, first: 2, messages: [{ offset: 2 }] });
    await one.publish(messageOf(topic, 'c', nothing));
    expect(await two.read(readOf(topic))).toEqual({ epoch, offset: 3, messages: [], first: 4 });
    await one.publish(messageOf(topic, 'd'));
    expect(await two.read(readOf(topic))).toMatchObject({ offset: 4, first: 4, messages: [{ offset: 4 }] });
  });
}

function describeIdempotency(stores: Stores): void {
  it('publishes once for a key, and answers repeats with the first position', async () => {
    const [one, two] = stores();
    const topic = newTopic();
    const key = { idempotencyKey: 'ž🐎 {1}:\n' };
    const first = await one.publish(messageOf(topic, 'a', key));
    await one.publish(messageOf(topic, 'b'));
    expect(await two.publish(messageOf(topic, 'again', key))).toEqual({ ...first, isRepeat: true });
    expect(textsOf((await one.read(readOf(topic))).messages)).toEqual(['1:a', '2:b']);
  });

  it('publishes once where the same key comes many times at once', async () => {
    const topic = newTopic();
    const published = await Promise.all(
      range(1, 40).map((n) => stores()[n % 2]?.publish(messageOf(topic, 'a', { idempotencyKey: 'k' }))),
    );
    expect(published.filter((position) => position?.isRepeat === false)).toHaveLength(1);
    expect(new Set(published.map((position) => position?.offset))).toEqual(new Set([1]));
  });

  it('takes another key, or the same one on another topic, for another message', async () => {
    const [one] = stores();
    const [topic, other] = [newTopic(), newTopic()];
    await one.publish(messageOf(topic, 'a', { idempotencyKey: 'k' }));
    expect(await one.publish(messageOf(topic, 'b', { idempotencyKey: 'K' }))).toMatchObject({
      offset: 2,
      isRepeat: false,
    });
    expect(await one.publish(messageOf(other, 'c', { idempotencyKey: 'k' }))).toMatchObject({
      offset: 1,
      isRepeat: false,
    });
  });

  it('knows the key of a message that was not kept', async () => {
    const topic = newTopic();
    const fields = { idempotencyKey: 'k', retention: { messages: 0, ageMs: 60_000 } };
    await stores()[0].publish(messageOf(topic, 'a', fields));
    expect(await stores()[1].publish(messageOf(topic, 'a', fields))).toMatchObject({ offset: 1, isRepeat: true });
  });
}

function positionOf({ epoch, offset }: TopicPosition): TopicPosition {
  return { epoch, offset };
}
