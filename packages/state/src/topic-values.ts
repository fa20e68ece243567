/**
 * Reads what an engine answered about topics and members: from the supervisor or from Redis, either of which may hold something
 * that this version does not write. As in session-values.ts, what fails becomes STATE_INVALID_VALUE at the caller.
 */
import { checkInteger, invalid } from './arguments.js';
import { MAX_PRESENCE_LISTED, MAX_PRESENCE_MEMBERS, type PresenceList } from './presence-store.js';
import { checkBoolean, checkLeaseId, checkNumber, fieldsOf } from './session-arguments.js';
import { checkList, checkMessageData, checkPresenceMember } from './topic-arguments.js';
import type { PresenceMember } from './topic-bus.js';
import {
  MAX_POSITIONS_AT_ONCE,
  MAX_READ_MESSAGES,
  type Published,
  type TopicMessage,
  type TopicPage,
  type TopicPosition,
} from './topic-store.js';

/** 9 random bytes as base64url. */
const EPOCH = /^[\w-]{12}$/;

function readEpoch(value: unknown): string {
  if (typeof value === 'string' && EPOCH.test(value)) return value;
  throw invalid('epoch', '12 characters of base64url', value);
}

export function readPublished(value: unknown): Published {
  const { epoch, offset, isRepeat } = fieldsOf(value, 'published');
  return { epoch: readEpoch(epoch), offset: readOffset(offset), isRepeat: checkBoolean(isRepeat, 'isRepeat') };
}

export function readPositions(value: unknown, expected: number): readonly TopicPosition[] {
  const positions = checkList(value, { what: 'positions', max: MAX_POSITIONS_AT_ONCE }, readPosition);
  if (positions.length !== expected) throw invalid('positions', String(expected), positions.length);
  return positions;
}

export function readTopicPage(value: unknown): TopicPage {
  const { messages, first, ...position } = fieldsOf(value, 'topic page');
  return {
    ...readPosition(position),
    messages: checkList(messages, { what: 'messages', max: MAX_READ_MESSAGES }, readTopicMessage),
    first: readOffset(first),
  };
}

function readTopicMessage(value: unknown): TopicMessage {
  const { offset, isBinary, data, publishedAtMs } = fieldsOf(value, 'topic message');
  return {
    offset: readOffset(offset),
    isBinary: checkBoolean(isBinary, 'message.isBinary'),
    data: checkMessageData(data),
    publishedAtMs: checkNumber(publishedAtMs, 'publishedAtMs'),
  };
}

export function readPresenceList(value: unknown): PresenceList {
  const { members, total } = fieldsOf(value, 'presence list');
  return {
    members: checkList(members, { what: 'members', max: MAX_PRESENCE_LISTED }, readListedMember),
    total: checkInteger(total, 'total', { min: 0, max: MAX_PRESENCE_MEMBERS }),
  };
}

export function readSweptCount(value: unknown): number {
  return checkInteger(value, 'members swept', { min: 0, max: MAX_PRESENCE_MEMBERS });
}

function readPosition(value: unknown): TopicPosition {
  const { epoch, offset } = fieldsOf(value, 'position');
  return { epoch: readEpoch(epoch), offset: checkNumber(offset, 'offset') };
}

/** Of a message: 0 is before the first. */
function readOffset(value: unknown): number {
  return checkInteger(value, 'offset', { min: 1, max: Number.MAX_SAFE_INTEGER });
}

function readListedMember(value: unknown): PresenceMember & { readonly owner: string } {
  const { owner, ...member } = fieldsOf(value, 'member');
  return { ...checkPresenceMember(member), owner: owner === '' ? '' : checkLeaseId(owner) };
}
