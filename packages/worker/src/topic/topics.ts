/**
 * All topics that clients of this worker are on: read this first. A session's membership (session-topics.ts) leads to a Topic
 * (topic.ts), which is made with its first membership and subscribed on the bus as long as it has any. What others ask of
 * topics is beside it: clients (client-topics.ts), backends (backend-topics.ts), presence (presence.ts). One timer for all.
 */
import type { TopicPosition } from '@holdfast/protocol';
import type { PresenceEvent, TopicBus, TopicBusListener, TopicMessage, TopicPage, TopicStore } from '@holdfast/state';
import { Audience } from './audience.js';
import { Positions } from './positions.js';
import { type Range, RangeReads } from './range-reads.js';
import { Membership, topicsOf } from './session-topics.js';
import { Topic, type TopicHost } from './topic.js';
import type { TopicRules } from './topic-rules.js';
import type { Broadcast } from './broadcast.js';
import type { TopicSession } from './session-topics.js';
import type { SlowSubscribers } from './slow-subscribers.js';
import type { TopicStats } from './topic-stats.js';

export interface TopicsOptions {
  readonly store: Pick<TopicStore, 'positions' | 'read'>;
  readonly bus: TopicBus;
  readonly broadcast: Broadcast;
  readonly rules: TopicRules;
  readonly stats: TopicStats;
  readonly members: TopicMembers;
  readonly slow: Pick<SlowSubscribers, 'look'>;
}

/** Who is on a topic that has presence, as others see it. */
export interface TopicMembers {
  join(membership: Membership, info: object | undefined): void;
  /** `isLost`: its client may come back within the resume window. */
  leave(membership: Membership, isLost: boolean): void;
  count(topic: string): Promise<number>;
  /** Somebody came or went, wherever it is. */
  onEvent(topic: string, event: PresenceEvent): void;
  /** Those of this worker: the store may have lost them. */
  joinAgain(topic: string): void;
}

export interface Subscription {
  readonly topic: string;
  readonly since: TopicPosition | undefined;
  readonly presence: boolean;
  /** What presence tells of the session. */
  readonly info: object | undefined;
  readonly by: 'client' | 'backend';
}

/** Of one worker. */
export const MAX_TOPICS = 100_000;
/** A topic that nobody is on is kept for a moment: clients that reload a page come back at once. Longer with what was read of it. */
const LINGER_MS = 5000;
const TICK_MS = 1000;
/** The bus may lose a last message, and nothing after it would tell: what was silent for so long is asked for. */
const PROBE_AFTER_MS = 5000;
/** Of a tick, so that no round takes all of the store. */
const MAX_PROBES = 10_000;
/** What a turn of the event loop sends to those who come back; the rest waits for the next one. */
const FRAMES_PER_TURN = 2000;
/** Of recent messages and of what waits for a repair, over all topics. Beyond it the first ones are let go. */
export const MAX_KEPT_BYTES: number = 64 * 1024 * 1024;

export class Topics implements TopicBusListener, TopicHost {
  readonly stats: TopicStats;
  readonly #options: TopicsOptions;
  readonly #all = new Map<string, Topic>();
  readonly #positions: Positions;
  readonly #reads: RangeReads;
  readonly #timer: NodeJS.Timeout;
  readonly #toSettle = new Set<Topic>();
  #isSettling = false;
  #subscriptions = 0;
  /** Goes round, so that every topic is probed however many there are. */
  #probeCursor: Iterator<Topic> | undefined;

  constructor(options: TopicsOptions) {
    this.#options = options;
    this.stats = options.stats;
    this.#positions = new Positions(options.store);
    this.#reads = new RangeReads(options.store, () => {
      this.stats.rangeReads += 1;
    });
    options.bus.listener = this;
    this.#timer = setInterval(() => this.#tick(performance.now()), TICK_MS);
    this.#timer.unref();
  }

  get size(): number {
    return this.#all.size;
  }

  /** Sessions on topics: one for each topic that each is on. */
  get subscriptions(): number {
    return this.#subscriptions;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#options.bus.listener = undefined;
    this.#toSettle.clear();
  }

  // Sessions.

  /** Somebody who may. Its answer follows when the topic can be heard: at once, or when the store is there. */
  subscribe(session: TopicSession, subscription: Subscription): 'taken' | 'limit' {
    const topics = topicsOf(session);
    const known = topics.find(subscription.topic);
    if (known !== undefined) {
      this.#again(known, subscription);
      return 'taken';
    }
    const topic = topics.isFull ? undefined : this.#topicFor(subscription.topic);
    if (topic === undefined) {
      this.stats.boundHit(topics.isFull ? 'session_topics' : 'worker_topics');
      return 'limit';
    }
    const membership = new Membership(session, topic);
    topics.add(membership);
    topic.size += 1;
    this.#subscriptions += 1;
    this.#apply(membership, subscription);
    if (topic.rule.presence) this.#options.members.join(membership, subscription.info);
    topic.take(membership);
    return 'taken';
  }

  /** False: it never was, or is still on it, where its client leaves and its backend has it joined. A backend's word ends both. */
  unsubscribe(session: TopicSession, name: string, by: 'client' | 'backend'): boolean {
    const membership = session.topics?.find(name);
    if (membership === undefined) return false;
    membership.isAsked = false;
    if (by === 'client' && membership.isJoined) return false;
    session.topics?.remove(membership);
    this.#end(membership, { isGone: false, isLost: false });
    return true;
  }

  /** Its connection is gone. `isLost`: it may come back. */
  release(session: TopicSession, isLost: boolean): void {
    const { topics } = session;
    if (topics === undefined) return;
    for (const membership of topics.memberships) this.#end(membership, { isGone: true, isLost });
    topics.memberships = [];
  }

  // From the bus.

  onMessage(topic: string, epoch: string, message: TopicMessage): void {
    this.#all.get(topic)?.onMessage(epoch, message, performance.now());
  }

  onPresence(topic: string, event: PresenceEvent): void {
    this.#options.members.onEvent(topic, event);
    this.#all.get(topic)?.onPresence(event);
  }

  onLive(topics: readonly string[]): void {
    for (const name of topics) {
      const topic = this.#all.get(name);
      if (topic !== undefined) this.#positions.ask(topic);
    }
  }

  // For topics.

  read(topic: Topic, range: Range): Promise<TopicPage> {
    return this.#reads.read(topic, range);
  }

  askPosition(topic: Topic): void {
    this.#positions.ask(topic);
  }

  countMembers({ name }: Topic): Promise<number> {
    return this.#options.members.count(name);
  }

  onNewEpoch({ name }: Topic): void {
    this.#options.members.joinAgain(name);
  }

  settleSoon(topic: Topic): void {
    this.#toSettle.add(topic);
    if (this.#isSettling) return;
    this.#isSettling = true;
    setImmediate(() => this.#settle());
  }

  #topicFor(name: string): Topic | undefined {
    const known = this.#all.get(name);
    if (known !== undefined) return known;
    if (this.#all.size >= MAX_TOPICS) return undefined;
    const { rules, bus } = this.#options;
    const audience = new Audience(name, this.#options);
    const topic = new Topic({ name, rule: rules.of(name), audience, host: this });
    topic.heardAtMs = performance.now();
    this.#all.set(name, topic);
    bus.subscribe(name);
    return topic;
  }

  #again(membership: Membership, subscription: Subscription): void {
    const isNews = subscription.by === 'client' || !membership.isListening;
    this.#apply(membership, subscription);
    // A backend repeats its joins whenever it gets the session: that is nothing to whoever hears the topic already.
    if (isNews) membership.topic.take(membership);
  }

  #apply(membership: Membership, { since, presence, by }: Subscription): void {
    if (by === 'backend') membership.isJoined = true;
    else {
      membership.isAsked = true;
      membership.wantsPresence = presence && membership.topic.rule.presence;
    }
    if (by === 'client' || since !== undefined) membership.since = since;
  }

  #end(membership: Membership, { isGone, isLost }: { readonly isGone: boolean; readonly isLost: boolean }): void {
    const { topic } = membership;
    topic.silence(membership, isGone);
    topic.size -= 1;
    this.#subscriptions -= 1;
    if (topic.size === 0) topic.emptySinceMs = performance.now();
    if (topic.rule.presence) this.#options.members.leave(membership, isLost);
  }

  #settle(): void {
    const nowMs = performance.now();
    let left = FRAMES_PER_TURN;
    for (const topic of this.#toSettle) {
      if (left <= 0) break;
      this.#toSettle.delete(topic);
      left = topic.settle(left, nowMs);
    }
    this.#isSettling = this.#toSettle.size > 0;
    if (this.#isSettling) setImmediate(() => this.#settle());
  }

  #tick(nowMs: number): void {
    let keptBytes = 0;
    for (const topic of this.#all.values()) {
      const isOver = topic.size === 0 && nowMs - topic.emptySinceMs >= LINGER_MS;
      if (isOver && topic.keptBytes === 0) this.#forget(topic);
      else {
        topic.tick(nowMs);
        keptBytes += topic.keptBytes;
      }
    }
    if (keptBytes > MAX_KEPT_BYTES) this.#forgetKept(keptBytes - MAX_KEPT_BYTES, nowMs);
    this.#probe(nowMs);
  }

  #forget(topic: Topic): void {
    this.#all.delete(topic.name);
    this.#toSettle.delete(topic);
    this.#positions.forget(topic);
    this.#options.bus.unsubscribe(topic.name);
  }

  #forgetKept(excessBytes: number, nowMs: number): void {
    this.stats.boundHit('topic_memory');
    let excess = excessBytes;
    for (const topic of this.#all.values()) {
      if (excess <= 0) return;
      excess -= topic.keptBytes;
      topic.forgetKept(nowMs);
    }
  }

  #probe(nowMs: number): void {
    let probed = 0;
    for (let looked = 0; looked < this.#all.size && probed < MAX_PROBES; looked += 1) {
      const topic = this.#nextToProbe();
      if (topic === undefined) return;
      if (nowMs - topic.heardAtMs < PROBE_AFTER_MS || topic.live === undefined) continue;
      this.#positions.ask(topic);
      probed += 1;
    }
  }

  #nextToProbe(): Topic | undefined {
    const next = this.#probeCursor?.next();
    if (next?.done === false) return next.value;
    this.#probeCursor = this.#all.values();
    const first = this.#probeCursor.next();
    return first.done === true ? undefined : first.value;
  }
}
