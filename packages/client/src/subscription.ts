/**
 * A topic that the application wants to hear: its events, iterations over its messages, and questions about it. There is one
 * per topic and session, and one `unsubscribe` ends it: counted references would leave it to the last of several callers,
 * and nobody would know who that is. Where it stands is in topics.ts.
 */
import type { HistoryEntry, HistoryPage, MemberList, TopicPosition } from '@holdfast/protocol';
import { Emitter, type Listener, type ListenerOptions } from './emitter.js';
import type { ClientError } from './errors.js';
import type { SubscriptionEvent, SubscriptionEvents } from './topic-events.js';
import { type TopicItem, TopicReader } from './topic-reader.js';

export interface SubscribeOptions {
  /** What was published after this is wanted, too. @default what is published from now on */
  readonly since?: TopicPosition | undefined;
  /** Tell who comes and goes. @default false */
  readonly presence?: boolean | undefined;
}

export interface HistoryOptions {
  /** An offset: messages above it, or below it in reverse. @default from the oldest, or the newest, that is kept */
  readonly since?: number | undefined;
  /** Messages of one page, 1 to 1,000. @default 100 */
  readonly limit?: number | undefined;
  /** Newest first. @default false */
  readonly reverse?: boolean | undefined;
}

export type History = Omit<HistoryPage, 'messages'> & { readonly messages: readonly HistoryMessage[] };
export type HistoryMessage = Omit<HistoryEntry, 'data'> & { readonly data: string | ArrayBuffer | Blob };

/** waiting: for a connection, or for the server's answer; closed: for good. */
export type SubscriptionState = 'waiting' | 'live' | 'closed';

/** The topic, as its subscription sees it. */
export interface SubscribedTopic {
  readonly topic: string;
  readonly isLive: boolean;
  readonly recovered: boolean;
  readonly position: TopicPosition | undefined;
  attach(sink: SubscriptionSink): void;
  history(options: HistoryOptions): Promise<History>;
  presence(): Promise<MemberList>;
  publish(data: unknown): Promise<TopicPosition>;
  unsubscribe(): void;
}

/** The subscription, as its topic sees it. */
export interface SubscriptionSink {
  tell(event: SubscriptionEvent): void;
  /** Up to this offset, messages that were counted on are missing. */
  miss(offset: number): void;
  end(error?: ClientError): void;
}

export class Subscription implements AsyncIterable<TopicItem> {
  readonly #topic: SubscribedTopic;
  readonly #emitter = new Emitter<SubscriptionEvents>(this);
  readonly #readers = new Set<TopicReader>();
  #isClosed = false;
  /** Where it was when it was closed: the topic may go on, for others. */
  #lastPosition: TopicPosition | undefined;

  /** Use `session.subscribe`. */
  constructor(topic: SubscribedTopic) {
    this.#topic = topic;
    topic.attach({
      tell: (event) => this.#tell(event),
      miss: (offset) => this.#push({ type: 'gap', topic: this.topic, offset, cause: 'lost' }),
      end: (error) => this.#end(error),
    });
  }

  get topic(): string {
    return this.#topic.topic;
  }

  get state(): SubscriptionState {
    if (this.#isClosed) return 'closed';
    return this.#topic.isLive ? 'live' : 'waiting';
  }

  /** What the last `subscribed` said. */
  get recovered(): boolean {
    return this.#topic.recovered;
  }

  /** Of the last message; undefined before the first `subscribed`. May be kept, and given as `since` to another session. */
  get position(): TopicPosition | undefined {
    return this.#isClosed ? this.#lastPosition : this.#topic.position;
  }

  addEventListener<K extends keyof SubscriptionEvents>(
    type: K,
    listener: Listener<SubscriptionEvents[K]> | null,
    options?: ListenerOptions | boolean,
  ): void {
    this.#emitter.add(type, listener, options);
  }

  removeEventListener<K extends keyof SubscriptionEvents>(
    type: K,
    listener: Listener<SubscriptionEvents[K]> | null,
  ): void {
    this.#emitter.remove(type, listener);
  }

  /** Messages from now on, and a `gap` wherever some are missing. */
  [Symbol.asyncIterator](): AsyncIterator<TopicItem, undefined> {
    const reader = new TopicReader((left) => this.#readers.delete(left));
    if (this.#isClosed) reader.end();
    else this.#readers.add(reader);
    return reader;
  }

  /** A page of what is kept. */
  history(options: HistoryOptions = {}): Promise<History> {
    return this.#topic.history(options);
  }

  /** Who is there. */
  presence(): Promise<MemberList> {
    return this.#topic.presence();
  }

  /** Resolves with the message's position. It is never repeated: what is rejected as CLIENT_DISCONNECTED or CLIENT_TIMEOUT may be published. */
  publish(data: string | ArrayBuffer | ArrayBufferView): Promise<TopicPosition> {
    return this.#topic.publish(data);
  }

  /** Ends it, whoever else holds it. What the backend had the session join goes on, as events of the session. */
  unsubscribe(): void {
    // A later subscription to the same topic is not ours to end.
    if (!this.#isClosed) this.#topic.unsubscribe();
  }

  #tell(event: SubscriptionEvent): void {
    if (event.type === 'message') this.#push(event);
    this.#emitter.emit(event);
  }

  #push(item: TopicItem): void {
    for (const reader of this.#readers) reader.push(item);
  }

  #end(error?: ClientError): void {
    this.#lastPosition = this.#topic.position;
    this.#isClosed = true;
    for (const reader of this.#readers) reader.end(error);
    this.#readers.clear();
    if (error) this.#emitter.emit({ type: 'error', error });
  }
}
