/**
 * EmbeddedStore: everything that the workers of one machine share, in the memory of the supervisor. One store per concern,
 * each synchronous and bounded; handleCall (server.ts) is how workers reach them.
 */
import { EmbeddedAffinity } from './affinity-store.js';
import { EmbeddedLeases } from './lease-store.js';
import { EmbeddedPresence } from './presence-store.js';
import { EmbeddedSessions } from './session-store.js';
import { TopicFeed, type TopicFeedOptions } from './topic-feed.js';
import { EmbeddedTopics } from './topic-store.js';

export interface EmbeddedStoreOptions {
  /** Affinities kept; one more evicts the least recently claimed. About 200 bytes each. @default 1_000_000 */
  readonly maxEntries?: number;
  /** Sessions kept; one more evicts the one that changed longest ago. About 1 kB each. @default 200_000 */
  readonly maxSessions?: number;
  /** Bytes of parked tails and application state of all sessions together. @default 268_435_456 (256 MiB) */
  readonly maxSessionBytes?: number;
  /**
   * Topics known; one more forgets the one that was used longest ago among those without subscribers, and is refused
   * where all have some. About 500 bytes each. @default 100_000
   */
  readonly maxTopics?: number;
  /** Bytes of kept messages of all topics together, 128 for each counted in. @default 268_435_456 (256 MiB) */
  readonly maxTopicBytes?: number;
  /** Members of all topics together; one more is refused. About 400 bytes each, and their info. @default 500_000 */
  readonly maxMembers?: number;
}

export interface EmbeddedStoreStats {
  /** Affinities, expired ones that no sweep has reached yet included. */
  readonly entries: number;
  /** Live affinities thrown out because the store was full, since the start. */
  readonly evicted: number;
  /** As `entries`. */
  readonly sessions: number;
  /** As `evicted`. */
  readonly sessionsEvicted: number;
  /** Of parked tails and application state. */
  readonly sessionBytes: number;
  readonly topics: number;
  /** As `evicted`. */
  readonly topicsEvicted: number;
  /** Of kept messages. */
  readonly topicBytes: number;
  /** Of topics. */
  readonly members: number;
}

const DEFAULT_MAX_ENTRIES = 1_000_000;
const DEFAULT_MAX_SESSIONS = 200_000;
const DEFAULT_MAX_SESSION_BYTES = 256 * 1024 * 1024;
const DEFAULT_MAX_TOPICS = 100_000;
const DEFAULT_MAX_TOPIC_BYTES = 256 * 1024 * 1024;
const DEFAULT_MAX_MEMBERS = 500_000;

export class EmbeddedStore {
  readonly affinity: EmbeddedAffinity;
  readonly sessions: EmbeddedSessions;
  readonly leases: EmbeddedLeases;
  readonly topics: EmbeddedTopics;
  readonly presence: EmbeddedPresence;

  constructor(options: EmbeddedStoreOptions = {}) {
    this.affinity = new EmbeddedAffinity(options.maxEntries ?? DEFAULT_MAX_ENTRIES);
    this.sessions = new EmbeddedSessions({
      maxSessions: options.maxSessions ?? DEFAULT_MAX_SESSIONS,
      maxBytes: options.maxSessionBytes ?? DEFAULT_MAX_SESSION_BYTES,
    });
    this.leases = new EmbeddedLeases();
    this.topics = new EmbeddedTopics({
      maxTopics: options.maxTopics ?? DEFAULT_MAX_TOPICS,
      maxBytes: options.maxTopicBytes ?? DEFAULT_MAX_TOPIC_BYTES,
    });
    this.presence = new EmbeddedPresence({
      maxMembers: options.maxMembers ?? DEFAULT_MAX_MEMBERS,
      tell: (topic, event) => this.topics.tellPresence(topic, event),
    });
  }

  /** For one worker: what it is to pass on with that worker's calls, and to close when the worker is gone. */
  openFeed(options: TopicFeedOptions): TopicFeed {
    return new TopicFeed(options);
  }

  closeFeed(feed: TopicFeed): void {
    this.topics.closeFeed(feed);
  }

  get stats(): EmbeddedStoreStats {
    return {
      entries: this.affinity.entries,
      evicted: this.affinity.evicted,
      sessions: this.sessions.entries,
      sessionsEvicted: this.sessions.evicted,
      sessionBytes: this.sessions.bytes,
      topics: this.topics.entries,
      topicsEvicted: this.topics.evicted,
      topicBytes: this.topics.bytes,
      members: this.presence.members,
    };
  }

  close(): void {
    this.affinity.close();
    this.sessions.close();
    this.leases.close();
    this.topics.close();
    this.presence.close();
  }
}
