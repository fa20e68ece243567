/**
 * Answers to questions about topics, by `ref`: `z` from a worker to a client, `result` on a trunk. Both say the same, in the
 * same fields. Whoever asked reads `readResult` first, then what belongs to its question.
 */
import { asObject, asString, asCount, count, optional, unexpected } from './session-control.js';
import {
  asList,
  readMember,
  readPosition,
  type TopicMember,
  type TopicPosition,
  type TopicRefusal,
} from './topic-control.js';

type Body = Readonly<Record<string, unknown>>;

/** Failed: `retryable` says that it may go otherwise next time, not that it did not take effect. */
export type ResultBody =
  | { readonly ref: number; readonly ok: true; readonly body: Body }
  | { readonly ref: number; readonly ok: false; readonly error: string; readonly retryable: boolean };

export interface HistoryEntry {
  readonly offset: number;
  readonly data: string | Uint8Array<ArrayBuffer>;
  /** By the clock of the store. */
  readonly atMs: number;
}

export interface HistoryPage {
  readonly epoch: string;
  /** Offset of the topic's last message, kept or not. */
  readonly top: number;
  /** In the order asked for, without a gap. */
  readonly messages: readonly HistoryEntry[];
  /** There are more on this way. */
  readonly more: boolean;
}

export interface MemberList {
  readonly members: readonly TopicMember[];
  /** All of the topic, listed or not. */
  readonly total: number;
}

/** A message as `messages` of an answer has it; `base64` when it is binary. */
export type HistoryEntryBody =
  | { readonly offset: number; readonly data: string; readonly atMs: number }
  | { readonly offset: number; readonly base64: string; readonly atMs: number };

/** To a client. `body`: an object of TopicPosition, HistoryPage (with HistoryEntryBody) or MemberList. */
export function encodeTopicResult(ref: number, body: object): string {
  return `z${JSON.stringify({ ref, ok: true, ...body })}`;
}

export function encodeTopicFailure(ref: number, error: TopicRefusal, retryable: boolean): string {
  return `z${JSON.stringify({ ref, ok: false, error, retryable })}`;
}

export function readResult(body: Body): ResultBody {
  const ref = count(body, 'ref');
  if (body['ok'] === true) return { ref, ok: true, body };
  const error = optional(body, 'error', asString) ?? 'failed';
  return { ref, ok: false, error, retryable: body['retryable'] === true };
}

/** Of a publish: where the message is. */
export function readPublished(body: Body): TopicPosition {
  return readPosition(body);
}

export function readHistoryPage(body: Body): HistoryPage {
  const { epoch } = readPosition({ epoch: body['epoch'], offset: 0 });
  const messages = asList(body['messages'], 'messages').map(readEntry);
  return { epoch, top: count(body, 'top'), messages, more: body['more'] === true };
}

export function readMemberList(body: Body): MemberList {
  const members = asList(body['members'], 'members').map((member) => readMember(member, 'members'));
  return { members, total: count(body, 'total') };
}

function readEntry(value: unknown): HistoryEntry {
  const entry = asObject(value, 'messages');
  const data = optional(entry, 'base64', asBytes) ?? asString(entry['data'], 'data');
  return { offset: count(entry, 'offset'), data, atMs: asCount(entry['atMs'], 'atMs') };
}

function asBytes(value: unknown, field: string): Uint8Array<ArrayBuffer> {
  let decoded: string;
  try {
    decoded = atob(asString(value, field));
  } catch {
    throw unexpected(field, 'base64', value);
  }
  // By index: a string's iterator costs ten times as much, and a page may be a mebibyte.
  const bytes = new Uint8Array(decoded.length);
  for (let at = 0; at < decoded.length; at += 1) bytes[at] = decoded.charCodeAt(at);
  return bytes;
}
