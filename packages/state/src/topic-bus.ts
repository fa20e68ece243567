/**
 * TopicBus: what is published to topics, as it happens, to those who want it. Delivery is at most once and tells nothing about
 * what was missed: offsets do. Wishes are kept: a subscription that is interrupted comes back by itself, and says so.
 */
import type { TopicMessage } from './topic-store.js';

export interface TopicBus {
  /** Whom everything is told. Set once, before the first `subscribe`. */
  listener: TopicBusListener | undefined;
  /** Wanted from now on; `onLive` says when. One that is wanted already is told live again. Never throws. */
  subscribe(topic: string): void;
  /** Not wanted any more; a message or two may still come. */
  unsubscribe(topic: string): void;
}

export interface TopicBusListener {
  /** Of one topic in order of their offsets, but for what a failover of the store does. `data` may be kept. */
  onMessage(topic: string, epoch: string, message: TopicMessage): void;
  onPresence(topic: string, event: PresenceEvent): void;
  /**
   * What is published to these from now on arrives. For the first time, or again after an interruption, in which messages
   * may have been missed.
   */
  onLive(topics: readonly string[]): void;
}

export interface PresenceEvent {
  readonly type: 'join' | 'leave';
  readonly member: PresenceMember;
}

export interface PresenceMember {
  /** A session's id. */
  readonly id: string;
  /** JSON text, at most MAX_PRESENCE_INFO_BYTES; '' for none. */
  readonly info: string;
}

export const MAX_PRESENCE_INFO_BYTES = 1024;
