/**
 * All that a worker does with topics, put together, and where what happens to sessions, trunks and leases comes in. Decides
 * nothing: each call goes to the part whose business it is.
 */
import { decodeJson, type HeldTopic, readTopic, readTopicJoin, type TailEntry, TrunkKind } from '@holdfast/protocol';
import type { SharedState } from '@holdfast/state';
import type { Logger } from 'pino';
import type { TopicRule } from '../config.js';
import type { TopicAnswer, TopicQuestion } from '../control/topic-questions.js';
import type { BoundName } from '../observe/traffic.js';
import { Authorization } from './authorization.js';
import { BackendTopics, type TopicRequestBody } from './backend-topics.js';
import { ClientRates } from './client-rates.js';
import { ClientTopics } from './client-topics.js';
import { Presence } from './presence.js';
import { answerAboutTopics } from './reports.js';
import { SlowSubscribers } from './slow-subscribers.js';
import { TopicRequests, type TopicResult } from './topic-requests.js';
import { TopicRules } from './topic-rules.js';
import type { Broadcast } from './broadcast.js';
import type { TopicSession } from './session-topics.js';
import { TopicStats } from './topic-stats.js';
import { Topics } from './topics.js';

export interface WorkerTopicsOptions {
  readonly state: Pick<SharedState, 'topics' | 'bus' | 'presence'>;
  readonly broadcast: Broadcast;
  readonly rules: readonly TopicRule[];
  /** This worker's lease. */
  readonly owner: string;
  readonly boundHit: (bound: BoundName) => void;
  readonly log: Pick<Logger, 'warn'>;
}

export class WorkerTopics {
  readonly stats: TopicStats;
  readonly #options: WorkerTopicsOptions;
  readonly #rules: TopicRules;
  readonly #topics: Topics;
  readonly #client: ClientTopics;
  readonly #backend: BackendTopics;
  readonly #presence: Presence;
  readonly #slow: SlowSubscribers;

  constructor(options: WorkerTopicsOptions) {
    const { state, broadcast, owner, log } = options;
    const rules = new TopicRules(options.rules);
    const stats = new TopicStats(options.boundHit);
    const presence = new Presence({ store: state.presence, owner, stats });
    const slow = new SlowSubscribers(stats);
    const { topics: store, bus } = state;
    const topics = new Topics({ store, bus, broadcast, rules, stats, members: presence, slow });
    const isAlive = (id: string): boolean => presence.isAlive(id);
    const requests = new TopicRequests({ store: state.topics, presence: state.presence, rules, stats, isAlive });
    const rates = new ClientRates(rules, stats);
    this.#options = options;
    this.stats = stats;
    this.#rules = rules;
    this.#topics = topics;
    this.#presence = presence;
    this.#client = new ClientTopics({ topics, requests, authorization: new Authorization(), rates, stats });
    this.#backend = new BackendTopics({ topics, requests, stats, log });
    this.#slow = slow;
  }

  /** Topics that clients of this worker are on. */
  get size(): number {
    return this.#topics.size;
  }

  /** One for each session and topic that it is on. */
  get subscriptions(): number {
    return this.#topics.subscriptions;
  }

  /** For topics that come from now on. */
  reload(rules: readonly TopicRule[]): void {
    this.#rules.rules = rules;
  }

  /** Before `close`, after the last session has ended: see Presence. */
  told(): Promise<void> {
    return this.#presence.told();
  }

  close(): void {
    this.#topics.close();
    this.#presence.close();
    this.#slow.close();
  }

  // Sessions: their clients.

  /** One of `isTopicFrame`, of a welcomed SDK client. May throw a ProtocolError. */
  onClientFrame(session: TopicSession, bytes: Uint8Array, isBinary: boolean): void {
    this.#client.onFrame(session, bytes, isBinary);
  }

  /** It has been welcomed, and said in its hello that it heard these. */
  onWelcomed(session: TopicSession, held: readonly HeldTopic[]): void {
    if (held.length > 0) this.#client.onHello(session, held);
  }

  onDropped(session: TopicSession): void {
    this.#slow.onDropped(session);
  }

  onWritable(session: TopicSession, bufferedBytes: number): void {
    this.#slow.onWritable(session, bufferedBytes);
  }

  /** @param isFinal the session is over, not its connection alone. */
  onEnded(session: TopicSession, isFinal: boolean): void {
    if (session.topics === undefined) return;
    this.#slow.onEnded(session);
    this.#topics.release(session, !isFinal);
  }

  // Sessions: their backends.

  /** 0x19 or 0x1a. May throw a ProtocolError. */
  onBackendFrame(session: TopicSession, kind: number, payload: Uint8Array): void {
    const body = decodeJson(payload);
    if (kind === TrunkKind.Subscribe) this.#backend.onJoin(session, readTopicJoin(body));
    else this.#backend.onLeave(session, readTopic(body));
  }

  /** Never rejected. */
  onBackendRequest(body: TopicRequestBody, tail: readonly TailEntry[]): Promise<TopicResult> {
    return this.#backend.onRequest(body, tail);
  }

  // Others.

  onLeases(alive: readonly string[], hasLapsed: boolean): void {
    this.#presence.onLeases(alive, hasLapsed);
  }

  answer(question: TopicQuestion): Promise<TopicAnswer> {
    const { topics: store, presence } = this.#options.state;
    const onPublish = this.stats.onPublish.bind(this.stats);
    const isAlive = (id: string): boolean => this.#presence.isAlive(id);
    return answerAboutTopics({ store, presence, rules: this.#rules, isAlive, onPublish }, question);
  }
}
