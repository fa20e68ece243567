import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { messageOf, offsetsOf, readOf } from '../contract/topic-fixtures.js';
import { EmbeddedStore, type EmbeddedStoreOptions } from './store.js';

let store: EmbeddedStore;
afterEach(() => {
  store.close();
  vi.useRealTimers();
});

describe('the bound of topics', () => {
  it('forgets the one that was used longest ago, with its epoch and its history', () => {
    const { publish, epochOf } = open({ maxTopics: 3 });
    const epochs = ['a', 'b', 'c'].map((topic) => publish(topic).epoch);
    epochOf('a');
    publish('d');
    expect(store.stats).toMatchObject({ topics: 3, topicsEvicted: 1 });
    expect(epochOf('a')).toBe(epochs[0]);
    expect(epochOf('c')).toBe(epochs[2]);
    expect(epochOf('b')).not.toBe(epochs[1]);
    expect(store.topics.read(readOf('b'))).toMatchObject({ offset: 0, messages: [] });
  });

  it('keeps those that somebody hears, and refuses one more when all are heard', () => {
    const { publish, feed, epochOf } = open({ maxTopics: 2 });
    const { epoch } = publish('a');
    store.topics.subscribe(['a'], feed);
    publish('b');
    publish('c');
    expect(epochOf('a')).toBe(epoch);
    store.topics.subscribe(['c'], feed);
    expect(() => publish('d')).toThrow(/expected at most 2 topics with subscribers/);
    expect(() => store.topics.subscribe(['a', 'd'], feed)).toThrow(/expected at most 2 topics with subscribers/);
    store.topics.unsubscribe(['a'], feed);
    expect(publish('d')).toMatchObject({ offset: 1 });
  });

  it('takes the topics of a feed that is closed for unheard', () => {
    const { publish, feed } = open({ maxTopics: 2 });
    store.topics.subscribe(['a', 'b'], feed);
    store.closeFeed(feed);
    expect(publish('c')).toMatchObject({ offset: 1 });
  });
});

describe('the bound of bytes', () => {
  it('drops the oldest messages of topics that were published to longest ago, but not their positions', () => {
    const { publish } = open({ maxTopicBytes: 10_000 });
    for (let n = 0; n < 3; n += 1) publish('old', 1000);
    for (let n = 0; n < 5; n += 1) publish('new', 1000);
    expect(store.stats.topicBytes).toBe(8 * 1128);
    publish('new', 1000);
    expect(keptOf('old')).toEqual([2, 3]);
    publish('new', 1000);
    expect([keptOf('old'), keptOf('new')]).toEqual([[3], [1, 2, 3, 4, 5, 6, 7]]);
    for (let n = 0; n < 5; n += 1) publish('new', 1000);
    expect([keptOf('old'), keptOf('new')]).toEqual([[], [5, 6, 7, 8, 9, 10, 11, 12]]);
    expect(store.topics.read(readOf('old'))).toMatchObject({ offset: 3, first: 4 });
    expect(store.stats.topicBytes).toBeLessThanOrEqual(10_000);
  });

  it('counts empty messages, and what is forgotten no more', () => {
    const { publish } = open({ maxTopics: 1 });
    publish('a', 0);
    expect(store.stats.topicBytes).toBe(128);
    publish('b', 72);
    expect(store.stats.topicBytes).toBe(200);
    store.topics.publish(messageOf('b', 'x', { retention: { messages: 0, ageMs: 1 } }));
    expect(store.stats.topicBytes).toBe(0);
  });
});

describe('time', () => {
  beforeEach(() => void vi.useFakeTimers());

  it('drops messages that are too old, and forgets topics that nobody used or heard for an hour', () => {
    const { publish, feed, epochOf } = open({});
    for (const topic of ['quiet', 'asked', 'heard']) publish(topic, 10, 60_000);
    const epochs = ['asked', 'heard'].map((topic) => epochOf(topic));
    store.topics.subscribe(['heard'], feed);
    vi.advanceTimersByTime(65_000);
    expect(store.stats).toMatchObject({ topics: 3, topicBytes: 0 });
    vi.advanceTimersByTime(3_500_000);
    epochOf('asked');
    vi.advanceTimersByTime(200_000);
    expect(store.stats).toMatchObject({ topics: 2, topicsEvicted: 0 });
    expect(['asked', 'heard'].map((topic) => epochOf(topic))).toEqual(epochs);
  });

  it('keeps a topic for twice the age of its messages', () => {
    const { publish, epochOf } = open({});
    const { epoch } = publish('a', 10, 6 * 3_600_000);
    vi.advanceTimersByTime(11 * 3_600_000);
    expect(store.stats.topics).toBe(1);
    expect(epochOf('a')).toBe(epoch);
  });

  it('gives nothing that its publisher let go of, also before anybody has come by to drop it', () => {
    const { publish } = open({});
    publish('a', 10, 1000);
    vi.setSystemTime(Date.now() + 1001);
    expect(store.stats.topicBytes).toBeGreaterThan(0);
    expect(store.topics.read(readOf('a'))).toMatchObject({ offset: 1, first: 2, messages: [] });
  });

  it('keeps the times of messages in order when the wall clock is set back', () => {
    const { publish } = open({});
    vi.setSystemTime(10_000);
    publish('a');
    vi.setSystemTime(5000);
    publish('a');
    const { messages } = store.topics.read(readOf('a'));
    expect(messages.map(({ publishedAtMs }) => publishedAtMs)).toEqual([10_000, 10_000]);
  });
});

it('keeps a copy of what was published', () => {
  open({});
  const data = new Uint8Array(10).fill(1);
  store.topics.publish(messageOf('a', data));
  data.fill(2);
  expect(store.topics.read(readOf('a')).messages[0]?.data).toEqual(new Uint8Array(10).fill(1));
});

it('refuses members beyond the bound of all topics, and takes one again when another left', () => {
  open({ maxMembers: 2 });
  const join = (topic: string, id: string): string =>
    store.presence.join({ topic, member: { id, info: '' }, owner: 'w1' });
  join('a', '1');
  join('b', '1');
  expect(() => join('a', '2')).toThrow(/expected at most 2 members of all topics/);
  expect(join('a', '1')).toBe('present');
  store.presence.leave({ topic: 'b', memberId: '1', owner: 'w1' });
  expect(join('a', '2')).toBe('joined');
  expect(store.stats.members).toBe(2);
});

it('forgets the members of a topic on which nobody came or went for a day', () => {
  const clock = vi.spyOn(performance, 'now').mockReturnValue(0);
  onTestFinished(() => clock.mockRestore());
  open({});
  const atHour = (hour: number): number => {
    clock.mockReturnValue(hour * 3_600_000);
    return store.presence.list('a', 10).total;
  };
  store.presence.join({ topic: 'a', member: { id: '1', info: '' }, owner: 'w1' });
  expect(atHour(23)).toBe(1);
  store.presence.join({ topic: 'a', member: { id: '2', info: '' }, owner: 'w1' });
  expect(atHour(46)).toBe(2);
  expect(atHour(48)).toBe(0);
  store.presence.join({ topic: 'a', member: { id: '3', info: '' }, owner: 'w1' });
  expect([atHour(49), store.stats.members]).toEqual([1, 1]);
});

function open(options: EmbeddedStoreOptions): {
  publish: (topic: string, bytes?: number, ageMs?: number) => ReturnType<EmbeddedStore['topics']['publish']>;
  feed: ReturnType<EmbeddedStore['openFeed']>;
  epochOf: (topic: string) => string | undefined;
} {
  store = new EmbeddedStore(options);
  return {
    publish: (topic, bytes = 10, ageMs = 60_000) =>
      store.topics.publish(messageOf(topic, new Uint8Array(bytes), { retention: { messages: 100, ageMs } })),
    feed: store.openFeed({ send: () => true }),
    epochOf: (topic) => store.topics.positions([topic])[0]?.epoch,
  };
}

function keptOf(topic: string): readonly number[] {
  return offsetsOf(store.topics.read(readOf(topic)).messages);
}
