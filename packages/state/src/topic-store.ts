/**
 * TopicStore: what was published to a topic, for as long as its retention says, under numbers without gaps. A position is an
 * epoch and an offset: offsets count 1, 2, 3 … and go on for the life of a topic; the epoch is new whenever nobody can
 * vouch that nothing was forgotten (the topic is unknown here, or another server than the one that wrote it answers, which may
 * be a replica that missed the last messages). Whoever says another epoch than the stored one has to be told that
 * something may be missing; whoever says the same one can be told exactly what.
 *
 * Publishing appends and tells the subscribers (topic-bus.ts) in one step, so that no reader sees one without the other.
 */
export interface TopicStore {
  /** Gives the message the next offset, keeps it as its retention says, and tells all subscribers. */
  publish(message: NewTopicMessage): Promise<Published>;
  /** Where the topic is, and kept messages of it. */
  read(request: ReadTopic): Promise<TopicPage>;
  /** Where topics are, in their order: at most MAX_POSITIONS_AT_ONCE. A topic that nobody knows gets a fresh epoch and 0. */
  positions(topics: readonly string[]): Promise<readonly TopicPosition[]>;
}

export interface TopicPosition {
  /** 12 characters. */
  readonly epoch: string;
  /** Of the last message; 0 before the first. */
  readonly offset: number;
}

export interface TopicRetention {
  /** Kept at most; 0: none, only told to who listens. */
  readonly messages: number;
  /** Kept at most so long. */
  readonly ageMs: number;
}

export interface NewTopicMessage {
  readonly topic: string;
  readonly isBinary: boolean;
  readonly data: Uint8Array;
  readonly retention: TopicRetention;
  /** A second publish with the same key within IDEMPOTENCY_MS publishes nothing, and answers the position of the first. */
  readonly idempotencyKey?: string | undefined;
}

export interface Published extends TopicPosition {
  /** The idempotency key was known. */
  readonly isRepeat: boolean;
}

export interface ReadTopic {
  readonly topic: string;
  /** Messages after this offset, or before it when read in reverse; undefined: from the oldest, or the newest. */
  readonly since: number | undefined;
  /** 1 to MAX_READ_MESSAGES; a page ends earlier after MAX_READ_BYTES, but never empty. */
  readonly limit: number;
  /** Newest first. */
  readonly isReverse: boolean;
  /** Older ones are not given, even where they are still kept. */
  readonly ageMs: number;
}

export interface TopicPage extends TopicPosition {
  /** In the order asked for, without a gap. */
  readonly messages: readonly TopicMessage[];
  /** Lowest offset that is kept; `offset + 1` when none is. */
  readonly first: number;
}

export interface TopicMessage {
  readonly offset: number;
  readonly isBinary: boolean;
  readonly data: Uint8Array;
  /** By the store's clock. */
  readonly publishedAtMs: number;
}

/** In bytes of UTF-8. */
export const MAX_TOPIC_BYTES = 200;
/** Of one message. */
export const MAX_TOPIC_MESSAGE_BYTES: number = 1024 * 1024;
export const MAX_RETAINED_MESSAGES = 10_000;
export const MAX_IDEMPOTENCY_KEY_BYTES = 128;
export const IDEMPOTENCY_MS = 300_000;
export const MAX_READ_MESSAGES = 1000;
export const MAX_READ_BYTES: number = 1024 * 1024;
export const MAX_POSITIONS_AT_ONCE = 10_000;
