/**
 * A session and its topics, which know each other: what topics need of a session (a Session is one, through SessionOnTopics; so is the
 * fake of a test), and what it carries for them. That is made when it first has to do with one, so that sessions that have none pay
 * a field for it. A list instead of a map: most have one or two topics, and none more than MAX_SESSION_TOPICS.
 */
import { type Body, MAX_SESSION_TOPICS, type TopicPosition } from '@holdfast/protocol';
import type { TopicRule } from '../config.js';
import type { MessageRate } from '../relay/rate.js';
import type { Grants } from './grants.js';

export interface TopicSession {
  /** '' until it is known which session this is. */
  readonly id: string;
  readonly isPlain: boolean;
  readonly isOver: boolean;
  /** Ours; the session only keeps it. */
  topics: SessionTopics | undefined;
  /** Read from what is kept of its request: not for hot paths. */
  readonly identity: TopicIdentity;
  /** How long its client may be away and come back. */
  readonly resumeWindowMs: number;
  /** The one that has it now; without one the answer is that there is none. */
  askBackend(body: object): Promise<BackendAnswer>;
  /** Taken for it, and not yet taken by the network. */
  readonly bufferedBytes: number;
  /** How much that may be, by its route. */
  readonly bufferBytes: number;
  /** A control frame. */
  send(frame: string): void;
  /** Past the numbering of data frames: what it carries is numbered by its topic. */
  sendTopicFrame(frame: Uint8Array, isBinary: boolean): void;
  /** What `writes` sends leaves together. */
  cork(writes: () => void): void;
  /** Natively, to what Broadcast.publish says. After the call, not before, it hears what is published. */
  listen(channel: string): void;
  unlisten(channel: string): void;
  close(code: number, reason: string): void;
  /** It reads too slowly, and has been given time. */
  endSlow(): void;
}

export interface TopicIdentity {
  readonly principal: string | undefined;
  readonly claims: Body | undefined;
}

export type BackendAnswer =
  | { readonly ok: true; readonly body: Body }
  | { readonly ok: false; readonly error: string; readonly retryable: boolean };

/** What a membership needs of its topic; a Topic is one. */
export interface JoinedTopic {
  readonly name: string;
  readonly rule: TopicRule;
  /** Sessions that are on it, heard or not. */
  size: number;
  /** Since when nobody is. */
  emptySinceMs: number;
  /** It is taken up as soon as it can be. One that is on it already: again, from where it says. */
  take(membership: Membership): void;
  /** It hears nothing until it is taken up again. `isGone`: its connection is. */
  silence(membership: Membership, isGone: boolean): void;
}

/** A session on a topic. Whoever makes one gives it to the topic, and takes it away again. */
export class Membership {
  readonly session: TopicSession;
  readonly topic: JoinedTopic;
  /** The client asked for it. */
  isAsked = false;
  /** Its backend had it join. Of both, the last to leave ends it. */
  isJoined = false;
  /** Tell it who comes and goes. */
  wantsPresence = false;
  /** What it is sent begins after this; undefined: with what is published from now on. */
  since: TopicPosition | undefined;
  /** It hears the topic natively. */
  isListening = false;
  isWatching = false;
  /** While it waits: the store was asked whether the topic is further than here, and for what it misses. */
  hasAsked = false;
  hasRead = false;

  constructor(session: TopicSession, topic: JoinedTopic) {
    this.session = session;
    this.topic = topic;
  }
}

export class SessionTopics {
  /** As long as it has to be: an array that grows by itself makes room for seventeen. */
  memberships: readonly Membership[] = [];
  /** It was not sent something since it reads too slowly, and has not been told yet. Since when; 0: it keeps up. */
  behindSinceMs = 0;
  /** Where its client says it is, of topics that neither its backend's join nor its own wish has come to since. Used once. */
  heldPositions: Map<string, TopicPosition> | undefined;
  /** What it was allowed to do, once it has asked. */
  grants: Grants | undefined;
  publishRates: Map<object, MessageRate> | undefined;
  askRate: MessageRate | undefined;
  publishesInFlight = 0;

  get isBehind(): boolean {
    return this.behindSinceMs > 0;
  }

  get isFull(): boolean {
    return this.memberships.length >= MAX_SESSION_TOPICS;
  }

  find(topic: string): Membership | undefined {
    for (const membership of this.memberships) if (membership.topic.name === topic) return membership;
    return undefined;
  }

  add(membership: Membership): void {
    this.memberships = [...this.memberships, membership];
  }

  remove(membership: Membership): void {
    this.memberships = this.memberships.filter((it) => it !== membership);
  }
}

export function topicsOf(session: TopicSession): SessionTopics {
  return (session.topics ??= new SessionTopics());
}
