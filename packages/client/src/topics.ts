/**
 * The topics of a session (PROTOCOL.md, part 3): which are heard, up to where, and what the frames about them mean. A part by
 * itself, given to `connect` as an option: a session that hears no topics does not carry their weight. Not loaded when
 * it is first needed, either: that would be a request at a time when the network may be away.
 */
import {
  decodeTopicBinary,
  decodeTopicText,
  encodeHeldTopics,
  encodeSubscribe,
  encodeUnsubscribe,
  isTopicName,
  MAX_SESSION_TOPICS,
  readLagging,
  readPresenceChange,
  readSubscribe,
  readSubscribed,
  readTopic,
  type Subscribed,
  unexpected,
} from '@holdfast/protocol';
import { ClientError } from './errors.js';
import { HeardTopic, readOption, sessionClosed } from './heard-topic.js';
import type { Payload } from './payload.js';
import { Questions, refused } from './questions.js';
import { type SubscribeOptions, Subscription } from './subscription.js';
import type { TopicHost, TopicLink, Topics, TopicTable } from './topic-host.js';

type Body = Readonly<Record<string, unknown>>;

/** For the option of that name. */
export const topics: Topics = (host) => new SessionTopics(host);

/** Joined topics come from the server: 100 that are live, and as many that the backend may still join again. */
const MAX_HEARD: number = 2 * MAX_SESSION_TOPICS;

class SessionTopics implements TopicTable {
  readonly #host: TopicHost;
  readonly #questions: Questions;
  readonly #heard = new Map<string, HeardTopic>();
  /** The one that phases of topics are about. */
  #connection: TopicLink['current'];

  constructor(host: TopicHost) {
    this.#host = host;
    this.#questions = new Questions((frame) => this.#send(frame));
    // The first listener of all: applications find things as the new state has them.
    host.emitter.add('statechange', () => this.#onState());
  }

  subscribe(topic: string, options: SubscribeOptions = {}): Subscription {
    const { since, presence } = checked(topic, options);
    if (this.#host.link.state === 'closed') throw sessionClosed();
    const known = this.#heard.get(topic);
    if (!known?.subscription) this.#expectRoom();
    const heard = known ?? this.#add(topic);
    const isNew = heard.subscription === undefined;
    if (isNew && since) heard.position = since;
    const subscription = (heard.subscription ??= new Subscription(heard));
    if (isNew || (presence && !heard.wantsPresence)) {
      heard.wantsPresence = presence;
      // The hello, if one is under way, says something else.
      heard.isListed = false;
      this.#ask(heard);
    }
    return subscription;
  }

  /** Those that cannot be named are forgotten: joined ones, the oldest first. */
  hello(): readonly unknown[] | undefined {
    const known = [...this.#heard.values()].filter(({ epoch }) => epoch !== '');
    const joined = known.filter(({ subscription }) => !subscription);
    for (const heard of joined.slice(0, Math.max(0, known.length - MAX_SESSION_TOPICS))) {
      this.#heard.delete(heard.topic);
      heard.end();
    }
    for (const heard of this.#heard.values()) heard.isListed = heard.epoch !== '';
    const held = known.filter(({ topic }) => this.#heard.has(topic)).map((heard) => heard.held);
    return held.length === 0 ? undefined : encodeHeldTopics(held);
  }

  onOpen(): void {
    this.#follow();
    for (const heard of this.#heard.values()) {
      if (heard.subscription && heard.phase === 'idle' && !heard.isPaused) this.#ask(heard);
    }
    this.#questions.flush();
  }

  onMessage(message: string | ArrayBuffer): void {
    const isText = typeof message === 'string';
    const { topic, offset, data } = isText ? decodeTopicText(message) : decodeTopicBinary(new Uint8Array(message));
    const heard = this.#heard.get(topic);
    // Not heard any more, or not yet, or had already.
    if (heard?.phase !== 'live' || offset <= heard.offset) return;
    if (offset > heard.offset + 1) return this.#ask(heard);
    heard.offset = offset;
    const event = { type: 'message', data: this.#host.present(data), topic, offset } as const;
    if (heard.sink) heard.sink.tell(event);
    else this.#host.emitter.emit(event);
  }

  onControl(type: string, body: Body): void {
    if (type === 's') this.#onSubscribed(body);
    else if (type === 'x') this.#onUnsubscribed(readTopic(body));
    else if (type === 'l') this.#onLagging(readLagging(body));
    else if (type === 'k') this.#onPresence(body);
    else if (type === 'z') this.#questions.onResult(body);
    else throw unexpected('frame', 'a kind for clients', type);
  }

  #onState(): void {
    if (this.#host.link.state !== 'closed') return this.#follow();
    const all = [...this.#heard.values()];
    this.#heard.clear();
    for (const heard of all) heard.end();
    this.#questions.end(sessionClosed());
  }

  #onSubscribed(body: Body): void {
    const answer = readSubscribed(body);
    const heard = this.#heard.get(answer.topic);
    if ('error' in answer) return heard && this.#onRefused(heard, answer.error);
    if (heard) return this.#onLive(heard, answer);
    if (answer.joined) return this.#onLive(this.#add(answer.topic), answer);
    // A hello, or a question that crossed our unsubscribe, asked for what nobody wants any more.
    this.#send(encodeUnsubscribe(answer.topic));
  }

  #onLive(heard: HeardTopic, answer: Subscribed): void {
    const isMissing = heard.goLive(answer);
    // The longest unanswered come first: see hello.
    this.#heard.delete(heard.topic);
    this.#heard.set(heard.topic, heard);
    const { topic, recovered, epoch, offset, sink } = heard;
    if (isMissing) sink?.miss(offset);
    if (sink) sink.tell({ type: 'subscribed', recovered, epoch, offset, members: answer.members });
    else this.#host.emitter.emit({ type: 'joined', topic, recovered, epoch, offset });
  }

  #onRefused(heard: HeardTopic, refusal: string): void {
    const isRetryable = refusal === 'unavailable';
    const error = refused(`subscribe to ${heard.topic}`, refusal, isRetryable);
    heard.phase = 'idle';
    if (isRetryable) heard.pause(() => this.#ask(heard));
    if (!heard.sink) this.#host.emitter.emit({ type: 'error', error });
    else if (isRetryable) heard.sink.tell({ type: 'error', error });
    else this.#end(heard, error);
  }

  #onUnsubscribed(topic: string): void {
    const heard = this.#heard.get(topic);
    if (!heard) return;
    heard.isJoined = false;
    const message = `subscription: expected ${topic} to go on, got an end to it from the backend`;
    if (heard.subscription) return this.#end(heard, new ClientError('CLIENT_UNSUBSCRIBED', message));
    this.#heard.delete(topic);
    heard.end();
    this.#host.emitter.emit({ type: 'left', topic });
  }

  #onLagging(names: readonly string[]): void {
    for (const topic of names) {
      const heard = this.#heard.get(topic);
      if (heard) this.#ask(heard);
    }
  }

  #onPresence(body: Body): void {
    const { topic, type, member } = readPresenceChange(body);
    this.#heard.get(topic)?.sink?.tell({ type: 'presence', event: type, member });
  }

  /** Without a connection that takes it, it is asked later. Until it is answered, messages of it are dropped. */
  #ask(heard: HeardTopic): void {
    const { topic, wantsPresence: presence, position: since } = heard;
    heard.phase = this.#send(encodeSubscribe({ topic, since, presence })) ? 'asked' : 'idle';
  }

  /** The subscription is over; what the backend had the session join is not. */
  #end(heard: HeardTopic, error?: ClientError): void {
    if (!heard.isJoined) this.#heard.delete(heard.topic);
    heard.end(error);
  }

  #unsubscribe(heard: HeardTopic): void {
    this.#follow();
    if (!heard.subscription) return;
    if (heard.phase !== 'idle') this.#send(encodeUnsubscribe(heard.topic));
    this.#end(heard);
  }

  #add(topic: string): HeardTopic {
    if (this.#heard.size >= MAX_HEARD) throw unexpected('subscribed', `at most ${MAX_HEARD} topics`, topic);
    const heard: HeardTopic = new HeardTopic(topic, {
      host: this.#host,
      questions: this.#questions,
      unsubscribe: () => this.#unsubscribe(heard),
    });
    this.#heard.set(topic, heard);
    return heard;
  }

  #expectRoom(): void {
    let count = 0;
    for (const { subscription } of this.#heard.values()) count += subscription ? 1 : 0;
    if (count < MAX_SESSION_TOPICS) return;
    const message = `subscribe: expected at most ${MAX_SESSION_TOPICS} topics, got one more: unsubscribe from others`;
    throw new ClientError('CLIENT_TOO_MANY_TOPICS', message);
  }

  /** False: it is for when a connection takes it. */
  #send(frame: Payload): boolean {
    this.#follow();
    if (!this.#connection || this.#connection.isHeld) return false;
    this.#connection.send(frame);
    return true;
  }

  /** Nothing about topics is kept for a connection that is gone; its successor was told by hello. */
  #follow(): void {
    const { current } = this.#host.link;
    if (current === this.#connection) return;
    this.#connection = current;
    for (const heard of this.#heard.values()) heard.phase = current && heard.isListed ? 'asked' : 'idle';
    this.#questions.lost();
  }
}

function checked(topic: string, options: SubscribeOptions): ReturnType<typeof readSubscribe> {
  const got = typeof topic === 'string' ? JSON.stringify(topic.slice(0, 40)) : typeof topic;
  const message = `subscribe: expected a name of 1 to 200 bytes without control characters, got ${got}`;
  if (!isTopicName(topic)) throw new ClientError('CLIENT_BAD_TOPIC', message);
  return readOption(() => readSubscribe({ ...options, topic }));
}
