/** What a subscription tells: plain objects with a `type`. */
import type { TopicMember } from '@holdfast/protocol';
import type { ClientError } from './errors.js';

export interface TopicMessage {
  readonly type: 'message';
  readonly data: string | ArrayBuffer | Blob;
  readonly topic: string;
  readonly offset: number;
}

/** Only iterators give it: messages are missing in front of the one with the number `offset + 1`. */
export interface TopicGap {
  readonly type: 'gap';
  readonly topic: string;
  readonly offset: number;
  /** lost: the server has them no more; overflow: this iterator was read too slowly. */
  readonly cause: 'lost' | 'overflow';
}

export interface SubscriptionEvents {
  message: TopicMessage;
  /** Live, with the first connection and each later one, and whenever the server lost messages. */
  subscribed: {
    readonly type: 'subscribed';
    /** Nothing is missing since the position before. False for a first one, unless `since` was given. */
    readonly recovered: boolean;
    readonly epoch: string;
    /** The next message is the one after this. */
    readonly offset: number;
    /** How many are on the topic, when `presence` was asked for. */
    readonly members: number | undefined;
  };
  presence: { readonly type: 'presence'; readonly event: 'join' | 'leave'; readonly member: TopicMember };
  /** When it is not `retryable`, the subscription is over. */
  error: { readonly type: 'error'; readonly error: ClientError };
}

export type SubscriptionEvent = SubscriptionEvents[keyof SubscriptionEvents];
