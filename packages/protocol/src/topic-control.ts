/**
 * Bodies of the control frames of topics (PROTOCOL.md, part 3), and how they are read: the typed body, or a ProtocolError
 * that names the field. Whether a string is a topic's name is not judged here: a client that asks for one that is none is
 * answered `invalid`, and keeps its connection. Answers by `ref` are in topic-result.ts.
 */
import { MAX_HISTORY_MESSAGES, MAX_SESSION_TOPICS } from './limits.js';
import { asObject, asString, count, optional, unexpected } from './session-control.js';

type Body = Readonly<Record<string, unknown>>;

/** Where a topic is, or up to where somebody has it. */
export interface TopicPosition {
  /** 12 characters; another one means that nobody knows what is missing. */
  readonly epoch: string;
  /** Of the last message; 0 before the first. */
  readonly offset: number;
}

export interface Subscribe {
  readonly topic: string;
  /** What follows this is wanted; undefined: what is published from now on. */
  readonly since: TopicPosition | undefined;
  /** Tell of who comes and goes, too. */
  readonly presence: boolean;
}

/** Why a topic or something of it is not given. Only `limit` of a publish and `unavailable` may be otherwise later. */
export type TopicRefusal = 'forbidden' | 'invalid' | 'limit' | 'size' | 'unavailable';

/** What comes next is `offset + 1`. */
export interface Subscribed extends TopicPosition {
  readonly topic: string;
  /** Nothing is missing since the position that was asked for. */
  readonly recovered: boolean;
  /** The backend had the session join: the client did not ask. */
  readonly joined: boolean;
  /** How many are there, when presence was asked for. */
  readonly members: number | undefined;
}

export interface SubscribeRefused {
  readonly topic: string;
  /** A TopicRefusal, or one of a later version. */
  readonly error: string;
}

export interface TopicMember {
  /** A session's id. */
  readonly id: string;
  readonly info: Body | undefined;
}

export interface PresenceChange {
  readonly topic: string;
  readonly type: 'join' | 'leave';
  readonly member: TopicMember;
}

/** Of a client or a backend. `since`, an offset: messages above it, or below it in reverse. */
export interface HistoryQuery {
  readonly topic: string;
  readonly since: number | undefined;
  /** 1 to MAX_HISTORY_MESSAGES; undefined: DEFAULT_HISTORY_MESSAGES. */
  readonly limit: number | undefined;
  /** Newest first. */
  readonly reverse: boolean;
}

/** A topic that a client hears when it says hello. */
export interface HeldTopic extends TopicPosition {
  readonly topic: string;
  readonly presence: boolean;
  /** Its backend had it join, and is waited for: the client itself did not ask. */
  readonly joined: boolean;
}

const PRESENCE = 1;
const JOINED = 2;

// Subscriptions.

export function encodeSubscribe({ topic, since, presence }: Subscribe): string {
  return `s${JSON.stringify({ topic, since, presence: presence || undefined })}`;
}

export function readSubscribe(body: Body): Subscribe {
  return {
    topic: readTopic(body),
    since: optional(body, 'since', (value, field) => readPosition(asObject(value, field))),
    presence: body['presence'] === true,
  };
}

export function encodeSubscribed({ topic, epoch, offset, recovered, joined, members }: Subscribed): string {
  return `s${JSON.stringify({ topic, epoch, offset, recovered, joined: joined || undefined, members })}`;
}

export function encodeSubscribeRefused(topic: string, error: TopicRefusal): string {
  return `s${JSON.stringify({ topic, error })}`;
}

/** With an `error`, it is refused. */
export function readSubscribed(body: Body): Subscribed | SubscribeRefused {
  const topic = readTopic(body);
  const error = optional(body, 'error', asString);
  if (error !== undefined) return { topic, error };
  return {
    topic,
    ...readPosition(body),
    recovered: body['recovered'] === true,
    joined: body['joined'] === true,
    members: optional(body, 'members', () => count(body, 'members')),
  };
}

/** From a client: no more of this. From a worker: the backend had the session leave. */
export function encodeUnsubscribe(topic: string): string {
  return `x${JSON.stringify({ topic })}`;
}

/** `topic` alone: of an unsubscribe, or a question about presence. */
export function readTopic(body: Body): string {
  return asString(body['topic'], 'topic');
}

export function encodeLagging(topics: readonly string[]): string {
  return `l${JSON.stringify({ topics })}`;
}

export function readLagging(body: Body): readonly string[] {
  return asList(body['topics'], 'topics').map((topic) => asString(topic, 'topics'));
}

// Questions.

export function encodeHistory(ref: number, { topic, since, limit, reverse }: HistoryQuery): string {
  return `i${JSON.stringify({ ref, topic, since, limit, reverse: reverse || undefined })}`;
}

/** Of `i`, and of a backend's request. */
export function readHistory(body: Body): HistoryQuery {
  return {
    topic: readTopic(body),
    since: optional(body, 'since', () => count(body, 'since')),
    limit: optional(body, 'limit', () => readLimit(body)),
    reverse: body['reverse'] === true,
  };
}

export function encodePresence(ref: number, topic: string): string {
  return `k${JSON.stringify({ ref, topic })}`;
}

/** Of a question, `i` or `k`. */
export function readRef(body: Body): number {
  return count(body, 'ref');
}

// Presence.

export function encodePresenceChange({ topic, type, member }: PresenceChange): string {
  return `k${JSON.stringify({ topic, type, member })}`;
}

export function readPresenceChange(body: Body): PresenceChange {
  const { type } = body;
  if (type !== 'join' && type !== 'leave') throw unexpected('type', 'join or leave', type);
  return { topic: readTopic(body), type, member: readMember(body['member'], 'member') };
}

export function readMember(value: unknown, field: string): TopicMember {
  const member = asObject(value, field);
  return { id: asString(member['id'], 'id'), info: optional(member, 'info', asObject) };
}

// Hello.

/** As a hello's `subscriptions` has them. */
export function encodeHeldTopics(topics: readonly HeldTopic[]): readonly (readonly (string | number)[])[] {
  return topics.map(({ topic, epoch, offset, presence, joined }) => {
    const flags = (presence ? PRESENCE : 0) + (joined ? JOINED : 0);
    return flags === 0 ? [topic, epoch, offset] : [topic, epoch, offset, flags];
  });
}

/** Those that a hello names; flags that are not known are ignored, as fields are. */
export function readHeldTopics(hello: Body): readonly HeldTopic[] {
  const held = asList(hello['subscriptions'] ?? [], 'subscriptions');
  if (held.length > MAX_SESSION_TOPICS) throw unexpected('subscriptions', `at most ${MAX_SESSION_TOPICS}`, held.length);
  return held.map(readHeldTopic);
}

function readHeldTopic(value: unknown): HeldTopic {
  const [topic, epoch, offset, flags] = asList(value, 'subscriptions');
  const bits = count({ flags: flags ?? 0 }, 'flags') % 4;
  return {
    ...readPosition({ epoch, offset }),
    topic: asString(topic, 'subscriptions'),
    presence: bits % 2 === PRESENCE,
    joined: bits >= JOINED,
  };
}

// Fields.

export function readPosition(body: Body): TopicPosition {
  const epoch = asString(body['epoch'], 'epoch');
  if (!/^[\w-]{12}$/.test(epoch)) throw unexpected('epoch', '12 characters of base64url', epoch);
  return { epoch, offset: count(body, 'offset') };
}

export function asList(value: unknown, field: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw unexpected(field, 'a list', value);
}

function readLimit(body: Body): number {
  const limit = count(body, 'limit');
  if (limit >= 1 && limit <= MAX_HISTORY_MESSAGES) return limit;
  throw unexpected('limit', `1 to ${MAX_HISTORY_MESSAGES}`, limit);
}
