/**
 * EmbeddedBus: the worker's end of the topic bus. Wishes are gathered for a turn of the event loop, the last word on each topic
 * counts, and the supervisor answers with pushes (topic-feed.ts). A wish that it did not take is repeated while it is one.
 */
import { MAX_POSITIONS_AT_ONCE } from '../topic-store.js';
import type { TopicBus, TopicBusListener } from '../topic-bus.js';
import { VALUES_PER_MESSAGE, type PresencePush, type TopicPush } from './topic-feed.js';

export interface EmbeddedBusOptions {
  readonly send: (method: 'topic.subscribe' | 'topic.unsubscribe', topics: readonly string[]) => Promise<unknown>;
}

const RETRY_MS = 1000;

export class EmbeddedBus implements TopicBus {
  listener: TopicBusListener | undefined;
  readonly #send: EmbeddedBusOptions['send'];
  readonly #wanted = new Set<string>();
  /** What the supervisor has not been told of yet; where the last word is read from `#wanted`. */
  readonly #untold = new Set<string>();
  /** What it was told of and did not take. */
  readonly #refused = new Set<string>();
  #flushTimer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor({ send }: EmbeddedBusOptions) {
    this.#send = send;
  }

  subscribe(topic: string): void {
    this.#wanted.add(topic);
    this.#tell(topic);
  }

  unsubscribe(topic: string): void {
    if (this.#wanted.delete(topic)) this.#tell(topic);
  }

  /** From the supervisor, which may run another version of this code. */
  onPush(push: unknown): void {
    if (this.#isClosed || this.listener === undefined || !isPush(push)) return;
    const live = push.live.filter((topic) => this.#wanted.has(topic));
    if (live.length > 0) this.listener.onLive(live);
    this.#onMessages(push.messages, this.listener);
    this.#onPresence(push.presence, this.listener);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#flushTimer);
    clearTimeout(this.#retryTimer);
  }

  #onMessages(values: readonly unknown[], listener: TopicBusListener): void {
    for (let i = 0; i + VALUES_PER_MESSAGE <= values.length; i += VALUES_PER_MESSAGE) {
      const topic = values[i] as string;
      const epoch = values[i + 1];
      const offset = values[i + 2];
      const publishedAtMs = values[i + 3];
      const isBinary = values[i + 4];
      const data = values[i + 5];
      if (!this.#wanted.has(topic) || typeof epoch !== 'string' || typeof offset !== 'number') continue;
      if (typeof publishedAtMs !== 'number' || typeof isBinary !== 'boolean' || !(data instanceof Uint8Array)) continue;
      // `data` is a view into all that was read from the channel at once: whoever kept it would keep that.
      listener.onMessage(topic, epoch, { offset, publishedAtMs, isBinary, data: new Uint8Array(data) });
    }
  }

  #onPresence(entries: readonly unknown[], listener: TopicBusListener): void {
    for (const entry of entries) {
      const { topic, type, id, info } = (entry ?? {}) as Partial<Record<keyof PresencePush, unknown>>;
      if (!this.#wanted.has(topic as string) || (type !== 'join' && type !== 'leave')) continue;
      if (typeof id !== 'string' || typeof info !== 'string') continue;
      listener.onPresence(topic as string, { type, member: { id, info } });
    }
  }

  #tell(topic: string): void {
    this.#untold.add(topic);
    // A timer of 0 ms may take 1: subscribing is not what happens per message, and the messages of a turn become one call.
    if (!this.#isClosed) this.#flushTimer ??= setTimeout(() => this.#flush(), 0);
  }

  #flush(): void {
    this.#flushTimer = undefined;
    const told = [...this.#untold];
    this.#untold.clear();
    this.#sendAll(
      'topic.subscribe',
      told.filter((topic) => this.#wanted.has(topic)),
    );
    this.#sendAll(
      'topic.unsubscribe',
      told.filter((topic) => !this.#wanted.has(topic)),
    );
  }

  #sendAll(method: Parameters<EmbeddedBusOptions['send']>[0], topics: readonly string[]): void {
    for (let from = 0; from < topics.length; from += MAX_POSITIONS_AT_ONCE) {
      const some = topics.slice(from, from + MAX_POSITIONS_AT_ONCE);
      this.#send(method, some).catch(() => this.#tellAgain(some));
    }
  }

  #tellAgain(topics: readonly string[]): void {
    for (const topic of topics) this.#refused.add(topic);
    if (!this.#isClosed) this.#retryTimer ??= setTimeout(() => this.#retry(), RETRY_MS);
  }

  #retry(): void {
    this.#retryTimer = undefined;
    for (const topic of this.#refused) this.#tell(topic);
    this.#refused.clear();
  }
}

function isPush(value: unknown): value is TopicPush {
  const { live, messages, presence } = (value ?? {}) as Partial<Record<keyof TopicPush, unknown>>;
  return Array.isArray(live) && Array.isArray(messages) && Array.isArray(presence);
}
