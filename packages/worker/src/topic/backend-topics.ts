/**
 * What backends ask of topics: that a session joins or leaves one, which is not answered, and requests: publish, history,
 * presence. Backends are trusted; sizes and names are bounded all the same.
 */
import { isUtf8 } from 'node:buffer';
import {
  encodeUnsubscribe,
  type HistoryBody,
  isTopicName,
  MAX_OPEN_REQUESTS,
  type PresenceBody,
  type PublishBody,
  type TailEntry,
  type TopicJoin,
} from '@holdfast/protocol';
import type { Logger } from 'pino';
import { refused, type TopicRequests, type TopicResult } from './topic-requests.js';
import type { TopicSession } from './session-topics.js';
import type { TopicStats } from './topic-stats.js';
import type { Topics } from './topics.js';

export interface BackendTopicsOptions {
  readonly topics: Topics;
  readonly requests: TopicRequests;
  readonly stats: TopicStats;
  readonly log: Pick<Logger, 'warn'>;
}

export type TopicRequestBody = PublishBody | HistoryBody | PresenceBody;

export class BackendTopics {
  readonly #options: BackendTopicsOptions;
  #inFlight = 0;

  constructor(options: BackendTopicsOptions) {
    this.#options = options;
  }

  /** The backend says it again whenever it gets the session: to whoever is on the topic already, that changes nothing. */
  onJoin(session: TopicSession, { topic, info }: TopicJoin): void {
    const held = session.topics?.heldPositions;
    const since = held?.get(topic);
    held?.delete(topic);
    const taken = isTopicName(topic)
      ? this.#options.topics.subscribe(session, { topic, since, presence: false, info, by: 'backend' })
      : 'invalid';
    if (taken === 'taken') return;
    if (taken === 'invalid') this.#options.stats.boundHit('topic_name');
    this.#options.log.warn({ sessionId: session.id, topic, reason: taken }, 'join refused');
  }

  /** Whoever began it: nobody could be put out of a room otherwise. */
  onLeave(session: TopicSession, topic: string): void {
    session.topics?.grants?.forget(topic);
    // Before it leaves: what was published until now arrives in front of the word that it is over.
    const isOnIt = session.topics?.find(topic) !== undefined;
    if (isOnIt && !session.isPlain) session.send(encodeUnsubscribe(topic));
    this.#options.topics.unsubscribe(session, topic, 'backend');
  }

  /** Never rejected. */
  async onRequest(body: TopicRequestBody, tail: readonly TailEntry[]): Promise<TopicResult> {
    if (this.#inFlight >= MAX_OPEN_REQUESTS) return refused('limit');
    this.#inFlight += 1;
    try {
      return await this.#perform(body, tail);
    } finally {
      this.#inFlight -= 1;
    }
  }

  #perform(body: TopicRequestBody, tail: readonly TailEntry[]): Promise<TopicResult> {
    if (body.op === 'history') return this.#options.requests.history(body);
    if (body.op === 'presence') return this.#options.requests.members(body.topic);
    return this.#publish(body, tail);
  }

  #publish({ topic, key }: PublishBody, tail: readonly TailEntry[]): Promise<TopicResult> {
    const [entry] = tail;
    if (entry === undefined || tail.length !== 1) return Promise.resolve(refused('invalid'));
    const { isBinary, data } = entry;
    const request = { topic, key, isBinary, data };
    // Text that is none would cost every subscriber its connection.
    const refusal = isBinary || isUtf8(data) ? this.#options.requests.refusePublish(request) : 'invalid';
    if (refusal === undefined) return this.#options.requests.publish(request, 'backend');
    this.#options.stats.onPublish('backend', refusal);
    return Promise.resolve(refused(refusal));
  }
}
