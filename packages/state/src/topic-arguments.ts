/**
 * What every engine demands of the arguments of TopicStore, TopicBus and PresenceStore. As in session-arguments.ts the values
 * may come over IPC, hence `unknown`, and each check answers a new object of known fields only. Bytes are passed on, not
 * copied: who keeps them copies them.
 */
import { checkInteger, checkStored, checkText, checkTextOrEmpty, checkTtlMs, invalid } from './arguments.js';
import { MAX_LEASES } from './lease-store.js';
import { MAX_PRESENCE_LISTED, type PresenceJoin, type PresenceLeave } from './presence-store.js';
import { checkBoolean, checkId, checkLeaseId, checkNumber, fieldsOf } from './session-arguments.js';
import { MAX_PRESENCE_INFO_BYTES, type PresenceMember } from './topic-bus.js';
import {
  MAX_IDEMPOTENCY_KEY_BYTES,
  MAX_POSITIONS_AT_ONCE,
  MAX_READ_MESSAGES,
  MAX_RETAINED_MESSAGES,
  MAX_TOPIC_BYTES,
  MAX_TOPIC_MESSAGE_BYTES,
  type NewTopicMessage,
  type ReadTopic,
  type TopicRetention,
} from './topic-store.js';

export interface PresenceLinger extends PresenceLeave {
  readonly lingerMs: number;
}

/** Names stand in URLs, logs and metrics of operators: what cannot be seen there is refused. */
// eslint-disable-next-line no-control-regex
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f]/;

export function checkTopic(value: unknown): string {
  const topic = checkStored(checkText(value, 'topic', MAX_TOPIC_BYTES), 'topic');
  if (CONTROL_CHARACTER.test(topic)) throw invalid('topic', 'no control characters', topic);
  return topic;
}

export function checkTopics(value: unknown): readonly string[] {
  return checkList(value, { what: 'topics', max: MAX_POSITIONS_AT_ONCE }, checkTopic);
}

export function checkNewTopicMessage(value: unknown): NewTopicMessage {
  const { topic, isBinary, data, retention, idempotencyKey } = fieldsOf(value, 'topic message');
  return {
    topic: checkTopic(topic),
    isBinary: checkBoolean(isBinary, 'message.isBinary'),
    data: checkMessageData(data),
    retention: checkRetention(retention),
    // JSON, the default serialization of IPC, has no undefined.
    idempotencyKey: idempotencyKey == null ? undefined : checkIdempotencyKey(idempotencyKey),
  };
}

export function checkReadTopic(value: unknown): ReadTopic {
  const { topic, since, limit, isReverse, ageMs } = fieldsOf(value, 'read of a topic');
  return {
    topic: checkTopic(topic),
    since: since == null ? undefined : checkNumber(since, 'since'),
    limit: checkInteger(limit, 'limit', { min: 1, max: MAX_READ_MESSAGES }),
    isReverse: checkBoolean(isReverse, 'isReverse'),
    ageMs: checkTtlMs(ageMs, 'ageMs'),
  };
}

export function checkPresenceJoin(value: unknown): PresenceJoin {
  const { topic, member, owner } = fieldsOf(value, 'presence join');
  return { topic: checkTopic(topic), member: checkPresenceMember(member), owner: checkLeaseId(owner) };
}

export function checkPresenceLeave(value: unknown): PresenceLeave {
  const { topic, memberId, owner } = fieldsOf(value, 'presence leave');
  return { topic: checkTopic(topic), memberId: checkId(memberId, 'member id'), owner: checkLeaseId(owner) };
}

export function checkPresenceLinger(value: unknown): PresenceLinger {
  const { lingerMs, ...leave } = fieldsOf(value, 'presence linger');
  return { ...checkPresenceLeave(leave), lingerMs: checkTtlMs(lingerMs, 'lingerMs') };
}

/** Of `sweep`. */
export function checkDeadOwners(value: unknown): readonly string[] {
  return checkList(value, { what: 'dead owners', max: MAX_LEASES }, checkLeaseId);
}

/** Of `list`. */
export function checkPresenceLimit(value: unknown): number {
  return checkInteger(value, 'limit', { min: 1, max: MAX_PRESENCE_LISTED });
}

export function checkPresenceMember(value: unknown): PresenceMember {
  const { id, info } = fieldsOf(value, 'member');
  const text = checkTextOrEmpty(info, 'member info', MAX_PRESENCE_INFO_BYTES);
  return { id: checkId(id, 'member id'), info: checkStored(text, 'member info') };
}

export function checkMessageData(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw invalid('message data', 'bytes', value);
  if (value.length > MAX_TOPIC_MESSAGE_BYTES) {
    throw invalid('message data', `at most ${MAX_TOPIC_MESSAGE_BYTES} bytes`, value.length);
  }
  return value;
}

function checkRetention(value: unknown): TopicRetention {
  const { messages, ageMs } = fieldsOf(value, 'retention');
  return {
    messages: checkInteger(messages, 'retention.messages', { min: 0, max: MAX_RETAINED_MESSAGES }),
    ageMs: checkTtlMs(ageMs, 'retention.ageMs'),
  };
}

function checkIdempotencyKey(value: unknown): string {
  return checkStored(checkText(value, 'idempotency key', MAX_IDEMPOTENCY_KEY_BYTES), 'idempotency key');
}

export function checkList<T>(
  value: unknown,
  { what, max }: { what: string; max: number },
  check: (entry: unknown) => T,
): readonly T[] {
  if (!Array.isArray(value)) throw invalid(what, 'an array', value);
  if (value.length > max) throw invalid(what, `at most ${max}`, value.length);
  // Not `map`, which would pass over holes.
  return Array.from(value, check);
}
