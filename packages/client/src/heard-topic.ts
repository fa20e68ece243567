/**
 * One topic that a session hears, because the application subscribed to it, the backend had the session join it, or both: how
 * far it is, whether the connection in use gives it, and what a subscription asks about it. When to ask for it is for topics.ts.
 */
import {
  encodeHistory,
  encodePresence,
  encodePublishBinary,
  encodePublishText,
  type HeldTopic,
  MAX_TOPIC_MESSAGE_BYTES,
  type MemberList,
  readHistory,
  readHistoryPage,
  readMemberList,
  readPublished,
  retryDelayMs,
  type TopicPosition,
} from '@holdfast/protocol';
import { ClientError } from './errors.js';
import { copyPayload, sizeOf } from './payload.js';
import type { Questions } from './questions.js';
import type { History, HistoryOptions, SubscribedTopic, Subscription, SubscriptionSink } from './subscription.js';
import type { TopicHost } from './topic-host.js';

export interface TopicDeps {
  readonly host: TopicHost;
  readonly questions: Questions;
  readonly unsubscribe: () => void;
}

interface Answer extends TopicPosition {
  readonly recovered: boolean;
  readonly joined: boolean;
}

export class HeardTopic implements SubscribedTopic {
  readonly topic: string;
  readonly unsubscribe: () => void;
  /** On the connection in use: not asked for, asked for and unanswered, or messages come. */
  phase: 'idle' | 'asked' | 'live' = 'idle';
  /** The last hello names it as it is. */
  isListed = false;
  isJoined = false;
  wantsPresence = false;
  /** Empty: there is no position yet. */
  epoch = '';
  /** Of the last message. */
  offset = 0;
  recovered = false;
  subscription: Subscription | undefined;
  sink: SubscriptionSink | undefined;
  readonly #host: TopicHost;
  readonly #questions: Questions;
  /** Runs while the server's refusal is waited out. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  #refusals = 0;

  constructor(topic: string, { host, questions, unsubscribe }: TopicDeps) {
    this.topic = topic;
    this.#host = host;
    this.#questions = questions;
    this.unsubscribe = unsubscribe;
  }

  get isLive(): boolean {
    return this.phase === 'live';
  }

  get position(): TopicPosition | undefined {
    return this.epoch === '' ? undefined : { epoch: this.epoch, offset: this.offset };
  }

  set position(position: TopicPosition) {
    this.epoch = position.epoch;
    this.offset = position.offset;
  }

  get held(): HeldTopic {
    const { topic, epoch, offset, wantsPresence: presence, subscription } = this;
    return { topic, epoch, offset, presence, joined: !subscription };
  }

  get isPaused(): boolean {
    return this.#timer !== undefined;
  }

  attach(sink: SubscriptionSink): void {
    this.sink = sink;
  }

  /** Answers whether messages are missing that were counted on. */
  goLive({ epoch, offset, recovered, joined }: Answer): boolean {
    const hadPosition = this.epoch !== '';
    // What we have beyond it came on this connection, while the answer was on its way: it comes again, and is dropped.
    this.recovered = recovered && epoch === this.epoch && offset <= this.offset;
    if (!this.recovered) this.position = { epoch, offset };
    this.phase = 'live';
    this.isJoined ||= joined;
    this.#refusals = 0;
    this.#stopPause();
    return hadPosition && !this.recovered;
  }

  /** Until it may be asked for again. */
  pause(resume: () => void): void {
    this.#stopPause();
    this.#refusals += 1;
    const { link, random } = this.#host;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        if (this.phase === 'idle') resume();
      },
      retryDelayMs(this.#refusals, link.pacingMs, random()),
    );
  }

  /** The subscription is over. */
  end(error?: ClientError): void {
    const { sink } = this;
    this.#stopPause();
    this.sink = this.subscription = undefined;
    this.wantsPresence = false;
    sink?.end(error);
  }

  async history(options: HistoryOptions): Promise<History> {
    this.#expectOpen();
    const query = readOption(() => readHistory({ ...options, topic: this.topic }));
    return this.#questions.ask(
      (ref) => encodeHistory(ref, query),
      (body) => this.#present(body),
    );
  }

  async presence(): Promise<MemberList> {
    this.#expectOpen();
    return this.#questions.ask((ref) => encodePresence(ref, this.topic), readMemberList);
  }

  async publish(data: unknown): Promise<TopicPosition> {
    this.#expectOpen();
    const payload = copyPayload(data);
    const maxBytes = Math.min(MAX_TOPIC_MESSAGE_BYTES, this.#host.maxMessageBytes());
    if (sizeOf(payload) > maxBytes) {
      const message = `publish: expected at most ${maxBytes} bytes, got ${sizeOf(payload)}`;
      throw new ClientError('CLIENT_MESSAGE_TOO_BIG', message);
    }
    return this.#questions.ask((ref) => {
      if (typeof payload === 'string') return encodePublishText(ref, this.topic, payload);
      return encodePublishBinary(ref, this.topic, payload);
    }, readPublished);
  }

  #present(body: Readonly<Record<string, unknown>>): History {
    const page = readHistoryPage(body);
    const messages = page.messages.map((entry) => ({ ...entry, data: this.#host.present(entry.data) }));
    return { ...page, messages };
  }

  #expectOpen(): void {
    if (this.#host.link.state === 'closed') throw sessionClosed();
  }

  #stopPause(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** What the application gave, read as the server will: what it would close the connection for is refused here. */
export function readOption<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new ClientError('CLIENT_BAD_OPTION', `topic: ${(cause as Error).message}`, { cause });
  }
}

export function sessionClosed(): ClientError {
  return new ClientError('CLIENT_CLOSED', 'topic: expected a session, got one that is closed');
}
