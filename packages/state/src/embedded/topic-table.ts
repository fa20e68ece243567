/**
 * TopicTable: the topics that this machine knows, and who hears them. Two bounds. Topics: one more takes the place of the one
 * that was used longest ago among those that nobody hears; where all are heard, it is refused, since a topic that loses its
 * place loses its epoch, and its subscribers would have to be told that something may be missing. Bytes of history: beyond
 * them, the topics that were published to longest ago lose their oldest messages, but not their positions.
 *
 * Topics that nobody uses are forgotten after a while, by a slow pass over all of them.
 */
import { randomBytes } from 'node:crypto';
import { StateError } from '../errors.js';
import type { TopicMessage, TopicRetention } from '../topic-store.js';
import type { TopicFeed } from './topic-feed.js';
import { TopicLog } from './topic-log.js';

export interface TopicTableOptions {
  readonly maxTopics: number;
  readonly maxBytes: number;
}

export interface Topic {
  readonly name: string;
  readonly epoch: string;
  readonly log: TopicLog;
  /** Few: one for each worker at most. */
  readonly feeds: TopicFeed[];
  /** Offset of the last message. */
  top: number;
  /** What the last publish said. */
  ageMs: number;
  /** On the monotonic clock. */
  usedAt: number;
}

const EPOCH_BYTES = 9;
/** So long a topic is known at least after its last use; an epoch that ends early costs its clients their recovery. */
const MIN_KEPT_MS = 3_600_000;
const SWEEP_INTERVAL_MS = 1000;
const SWEEPS_PER_PASS = 60;
const MIN_SWEPT_AT_ONCE = 1000;

export class TopicTable {
  readonly #options: TopicTableOptions;
  readonly #topics = new Map<string, Topic>();
  /** Those that nobody hears; the first was used longest ago. */
  readonly #unheard = new Set<Topic>();
  /** Those with history; the first was published to longest ago. */
  readonly #kept = new Set<Topic>();
  readonly #sweepTimer: NodeJS.Timeout;
  #sweepPosition: MapIterator<Topic> | undefined;
  #bytes = 0;
  #evicted = 0;

  constructor(options: TopicTableOptions) {
    this.#options = options;
    this.#sweepTimer = setInterval(() => this.#sweep(), SWEEP_INTERVAL_MS).unref();
  }

  get size(): number {
    return this.#topics.size;
  }

  /** Thrown out because the table was full, since the start. */
  get evicted(): number {
    return this.#evicted;
  }

  /** Of history. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Makes it where nobody knows it; throws STATE_UNAVAILABLE when there is no place for one more. */
  use(name: string): Topic {
    const topic = this.#alive(name) ?? this.#create(name);
    topic.usedAt = performance.now();
    if (this.#unheard.delete(topic)) this.#unheard.add(topic);
    return topic;
  }

  /** Who hears it, without using it. */
  feedsOf(name: string): readonly TopicFeed[] {
    return this.#topics.get(name)?.feeds ?? [];
  }

  hear(name: string, feed: TopicFeed): void {
    const topic = this.use(name);
    if (topic.feeds.includes(feed)) return;
    topic.feeds.push(feed);
    this.#unheard.delete(topic);
  }

  unhear(name: string, feed: TopicFeed): void {
    const topic = this.#topics.get(name);
    const index = topic?.feeds.indexOf(feed) ?? -1;
    if (topic === undefined || index === -1) return;
    topic.feeds.splice(index, 1);
    topic.usedAt = performance.now();
    if (topic.feeds.length === 0) this.#unheard.add(topic);
  }

  keep(topic: Topic, message: TopicMessage, { messages, ageMs }: TopicRetention): void {
    topic.ageMs = ageMs;
    this.#change(topic, ({ log }) => {
      log.add(message);
      while (log.length > messages) log.dropOldest();
      log.dropBefore(message.publishedAtMs - ageMs);
    });
    this.#kept.delete(topic);
    this.#kept.add(topic);
    if (this.#bytes > this.#options.maxBytes) this.#makeRoom();
  }

  /** A message that is not kept leaves a hole behind those that are, and a page has none. */
  forgetHistory(topic: Topic): void {
    if (topic.log.length > 0) this.#change(topic, ({ log }) => log.clear());
  }

  close(): void {
    clearInterval(this.#sweepTimer);
    this.#sweepPosition = undefined;
    this.#topics.clear();
    this.#unheard.clear();
    this.#kept.clear();
    this.#bytes = 0;
  }

  #alive(name: string): Topic | undefined {
    const topic = this.#topics.get(name);
    if (topic === undefined || !isOver(topic)) return topic;
    this.#forget(topic);
    return undefined;
  }

  #create(name: string): Topic {
    if (this.#topics.size >= this.#options.maxTopics) this.#evictOne();
    const topic: Topic = {
      name,
      epoch: randomBytes(EPOCH_BYTES).toString('base64url'),
      log: new TopicLog(),
      feeds: [],
      top: 0,
      ageMs: 0,
      usedAt: performance.now(),
    };
    this.#topics.set(name, topic);
    this.#unheard.add(topic);
    return topic;
  }

  #evictOne(): void {
    const [oldest] = this.#unheard;
    if (oldest === undefined) throw tooManyTopics(this.#options.maxTopics);
    if (!isOver(oldest)) this.#evicted += 1;
    this.#forget(oldest);
  }

  #forget(topic: Topic): void {
    this.#change(topic, ({ log }) => log.clear());
    this.#topics.delete(topic.name);
    this.#unheard.delete(topic);
  }

  #change(topic: Topic, change: (topic: Topic) => void): void {
    const before = topic.log.bytes;
    change(topic);
    this.#bytes += topic.log.bytes - before;
    if (topic.log.length === 0) this.#kept.delete(topic);
  }

  #makeRoom(): void {
    for (const topic of this.#kept) {
      this.#change(topic, ({ log }) => {
        const enough = log.bytes - (this.#bytes - this.#options.maxBytes);
        while (log.length > 0 && log.bytes > enough) log.dropOldest();
      });
      if (this.#bytes <= this.#options.maxBytes) return;
    }
  }

  /** Goes on where the last one stopped: a Map's iterator survives changes in between. */
  #sweep(): void {
    const now = Date.now();
    const budget = Math.max(MIN_SWEPT_AT_ONCE, Math.ceil(this.#topics.size / SWEEPS_PER_PASS));
    this.#sweepPosition ??= this.#topics.values();
    for (let looked = 0; looked < budget; looked += 1) {
      const next = this.#sweepPosition.next();
      if (next.done === true) {
        this.#sweepPosition = undefined;
        return;
      }
      const topic = next.value;
      if (isOver(topic)) this.#forget(topic);
      else if (topic.log.length > 0) this.#change(topic, ({ log, ageMs }) => log.dropBefore(now - ageMs));
    }
  }
}

function isOver({ feeds, usedAt, ageMs }: Topic): boolean {
  return feeds.length === 0 && performance.now() - usedAt > Math.max(2 * ageMs, MIN_KEPT_MS);
}

function tooManyTopics(max: number): StateError {
  const expected = `expected at most ${max} topics with subscribers on this machine, got one more`;
  return new StateError('STATE_UNAVAILABLE', `topics: ${expected}; share them between machines by Redis, or use fewer`);
}
