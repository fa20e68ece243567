/**
 * EmbeddedTopics: the topics of one machine, in the memory of the supervisor. Synchronous, so that every operation is
 * atomic by itself, and the order in which publishes arrive is the order for everybody. An epoch is made with its topic: what
 * is in memory was never written by anybody else.
 */
import { StateError } from '../errors.js';
import type { PresenceEvent } from '../topic-bus.js';
import {
  IDEMPOTENCY_MS,
  type NewTopicMessage,
  type Published,
  type ReadTopic,
  type TopicPage,
  type TopicPosition,
} from '../topic-store.js';
import { ExpiringMap } from './expiring-map.js';
import type { TopicFeed } from './topic-feed.js';
import { TopicTable, type Topic, type TopicTableOptions } from './topic-table.js';

/** One more forgets the oldest, whose repeat would be published again. About 300 bytes each. */
const MAX_IDEMPOTENCY_KEYS = 200_000;
/** Of one worker. */
const MAX_FEED_TOPICS = 100_000;

export class EmbeddedTopics {
  readonly #table: TopicTable;
  readonly #published = new ExpiringMap<TopicPosition>({ maxEntries: MAX_IDEMPOTENCY_KEYS });

  constructor(options: TopicTableOptions) {
    this.#table = new TopicTable(options);
  }

  get entries(): number {
    return this.#table.size;
  }

  get evicted(): number {
    return this.#table.evicted;
  }

  /** Of history. */
  get bytes(): number {
    return this.#table.bytes;
  }

  publish(message: NewTopicMessage): Published {
    const { topic, idempotencyKey } = message;
    if (idempotencyKey === undefined) return this.#append(message);
    const id = `${topic.length}:${topic}:${idempotencyKey}`;
    const first = this.#published.get(id);
    if (first !== undefined) return { ...first, isRepeat: true };
    const published = this.#append(message);
    this.#published.set(id, { epoch: published.epoch, offset: published.offset }, IDEMPOTENCY_MS);
    return published;
  }

  read({ topic: name, since, limit, isReverse, ageMs }: ReadTopic): TopicPage {
    const topic = this.#table.use(name);
    // What its publishers let go of is gone, also before a sweep comes by.
    const notBefore = Date.now() - Math.min(ageMs, topic.ageMs);
    return {
      ...positionOf(topic),
      messages: topic.log.read({ since, limit, isReverse, notBefore }),
      first: topic.log.firstOffset(notBefore) ?? topic.top + 1,
    };
  }

  positions(topics: readonly string[]): readonly TopicPosition[] {
    return topics.map((name) => positionOf(this.#table.use(name)));
  }

  /** Those before one that is refused are subscribed. */
  subscribe(topics: readonly string[], feed: TopicFeed): void {
    for (const topic of topics) {
      if (feed.topics.size >= MAX_FEED_TOPICS && !feed.topics.has(topic)) throw tooManySubscribed();
      this.#table.hear(topic, feed);
      feed.topics.add(topic);
      feed.live(topic);
    }
  }

  unsubscribe(topics: Iterable<string>, feed: TopicFeed): void {
    for (const topic of topics) {
      feed.topics.delete(topic);
      this.#table.unhear(topic, feed);
    }
  }

  closeFeed(feed: TopicFeed): void {
    this.unsubscribe(feed.topics, feed);
    feed.close();
  }

  tellPresence(topic: string, event: PresenceEvent): void {
    for (const feed of this.#table.feedsOf(topic)) feed.presence(topic, event);
  }

  close(): void {
    this.#table.close();
    this.#published.close();
  }

  #append({ topic: name, isBinary, data, retention }: NewTopicMessage): Published {
    const topic = this.#table.use(name);
    const isKept = retention.messages > 0;
    topic.top += 1;
    const message = {
      offset: topic.top,
      isBinary,
      // A copy, since what arrived is a view into what was read from the channel.
      data: isKept ? new Uint8Array(data) : data,
      // A wall clock may be set back; what is kept is in order of its times.
      publishedAtMs: Math.max(Date.now(), topic.log.newest?.publishedAtMs ?? 0),
    };
    if (isKept) this.#table.keep(topic, message, retention);
    else this.#table.forgetHistory(topic);
    for (const feed of topic.feeds) feed.message(name, topic.epoch, message);
    return { epoch: topic.epoch, offset: topic.top, isRepeat: false };
  }
}

function positionOf({ epoch, top }: Topic): TopicPosition {
  return { epoch, offset: top };
}

function tooManySubscribed(): StateError {
  const expected = `expected at most ${MAX_FEED_TOPICS} topics with subscribers on one worker, got one more`;
  return new StateError('STATE_UNAVAILABLE', `topic.subscribe: ${expected}; run more workers, or use fewer topics`);
}
