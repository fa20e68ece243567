/**
 * Who of this worker hears a topic, and how they are told: once per kind of client, encoded once, through the native publish of
 * the listeners. What one topic sends in a turn of the event loop stays in order with everything else that each client is sent
 * (native-publish.test.ts shows it). Messages are not compressed, also where a client would take it: a compressor would have to
 * run once per client.
 */
import { encodePresenceChange, encodeSubscribed, encodeTopicMessage } from '@holdfast/protocol';
import type { PresenceEvent, TopicMessage, TopicPosition } from '@holdfast/state';
import { infoOf } from './presence-info.js';
import type { RecentFrame } from './recent-messages.js';
import type { Membership } from './session-topics.js';
import type { Broadcast } from './broadcast.js';
import type { TopicSession } from './session-topics.js';
import { LOOK_EVERY_BYTES, type SlowSubscribers } from './slow-subscribers.js';
import type { TopicStats } from './topic-stats.js';

type Part = 'sdk' | 'plain' | 'watchers';

/** What audiences need of their worker. */
export interface AudienceHost {
  readonly broadcast: Broadcast;
  readonly stats: TopicStats;
  readonly slow: Pick<SlowSubscribers, 'look'>;
}

export class Audience {
  readonly slow: Pick<SlowSubscribers, 'look'>;
  readonly #topic: string;
  readonly #broadcast: Broadcast;
  readonly #stats: TopicStats;
  readonly #listeners = new Set<TopicSession>();
  readonly #channels: Readonly<Record<Part, string>>;
  readonly #counts = { sdk: 0, plain: 0, watchers: 0 };
  #lagSeenAtMs = 0;
  /** Published since it was last seen what waits for whom. */
  #unseenBytes = 0;

  constructor(topic: string, { broadcast, stats, slow }: AudienceHost) {
    this.slow = slow;
    this.#topic = topic;
    this.#broadcast = broadcast;
    this.#stats = stats;
    this.#channels = { sdk: `s:${topic}`, plain: `p:${topic}`, watchers: `k:${topic}` };
  }

  get hasWatchers(): boolean {
    return this.#counts.watchers > 0;
  }

  /** It hears the topic from the next message on, and who comes and goes if it wants to know. */
  admit(membership: Membership): void {
    const { session, wantsPresence } = membership;
    if (!membership.isListening) {
      this.#listeners.add(session);
      this.#add(session, kindOf(session));
    }
    if (wantsPresence && !membership.isWatching) this.#add(session, 'watchers');
    if (!wantsPresence && membership.isWatching) this.#remove(session, 'watchers');
    membership.isListening = true;
    membership.isWatching = wantsPresence;
  }

  /** @param isGone its connection is, and with it what it listened to. */
  dismiss(membership: Membership, isGone: boolean): void {
    this.#listeners.delete(membership.session);
    const listener = isGone ? undefined : membership.session;
    if (membership.isWatching) this.#remove(listener, 'watchers');
    if (membership.isListening) this.#remove(listener, kindOf(membership.session));
    membership.isListening = membership.isWatching = false;
  }

  /** Answers the frame of SDK clients, if there are any, or somebody keeps them (`isKept`). */
  deliver(message: TopicMessage, isKept: boolean): RecentFrame | undefined {
    const { isBinary, data, offset } = message;
    this.#unseenBytes += data.length;
    if (this.#unseenBytes >= LOOK_EVERY_BYTES) this.#lookAtAll(data.length);
    const { sdk, plain } = this.#counts;
    this.#observeLag(message);
    if (plain > 0) {
      this.#stats.delivered.plain += plain;
      this.#broadcast.publish(this.#channels.plain, data, isBinary);
    }
    if (sdk === 0 && !isKept) return undefined;
    const bytes = encodeTopicMessage(this.#topic, message);
    if (sdk > 0) {
      this.#stats.delivered.sdk += sdk;
      this.#broadcast.publish(this.#channels.sdk, bytes, isBinary);
    }
    return { offset, isBinary, bytes };
  }

  /** They have lost the thread. Plain clients do not know that there is one. */
  reset({ epoch, offset }: TopicPosition): void {
    if (this.#counts.sdk === 0) return;
    const about = { topic: this.#topic, epoch, offset, recovered: false, joined: false, members: undefined };
    this.#broadcast.publish(this.#channels.sdk, encodeSubscribed(about), false);
  }

  presence({ type, member }: PresenceEvent): void {
    if (this.#counts.watchers === 0) return;
    const frame = encodePresenceChange({
      topic: this.#topic,
      type,
      member: { id: member.id, info: infoOf(member.info) },
    });
    this.#broadcast.publish(this.#channels.watchers, frame, false);
  }

  /** Before so many bytes are published. */
  #lookAtAll(nextBytes: number): void {
    this.#unseenBytes = nextBytes;
    for (const session of this.#listeners) this.slow.look(session);
  }

  #add(session: TopicSession, part: Part): void {
    this.#counts[part] += 1;
    session.listen(this.#channels[part]);
  }

  #remove(session: TopicSession | undefined, part: Part): void {
    this.#counts[part] -= 1;
    session?.unlisten(this.#channels[part]);
  }

  /** Once per turn and topic at most: a burst says no more than its first message. */
  #observeLag({ publishedAtMs }: TopicMessage): void {
    const { observeLag } = this.#stats;
    if (observeLag === undefined) return;
    const nowMs = Date.now();
    if (nowMs === this.#lagSeenAtMs) return;
    this.#lagSeenAtMs = nowMs;
    // The store has another clock, which may be ahead.
    observeLag(Math.max(0, nowMs - publishedAtMs) / 1000);
  }
}

function kindOf({ isPlain }: TopicSession): Part {
  return isPlain ? 'plain' : 'sdk';
}
