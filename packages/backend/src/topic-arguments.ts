/**
 * What applications give about topics, checked where it is given: a mistake is thrown at whoever made it, and what passes
 * here no worker refuses for its form.
 */
import {
  type HistoryQuery,
  isTopicName,
  MAX_HISTORY_MESSAGES,
  MAX_IDEMPOTENCY_KEY_BYTES,
  MAX_PRESENCE_INFO_BYTES,
  MAX_TOPIC_MESSAGE_BYTES,
} from '@holdfast/protocol';
import { BackendError } from './errors.js';
import { expectWhole } from './options.js';
import { byteLengthOf, type Payload } from './payload.js';

/** What others are told of a member where the topic has presence: an object that JSON can say, at most 1 KiB. */
export type MemberInfo = Readonly<Record<string, unknown>>;

export interface HistoryOptions {
  /** An offset: messages above it, in reverse below it. @default all that are kept */
  readonly since?: number | undefined;
  /** 1 to 1,000. @default 100 */
  readonly limit?: number | undefined;
  /** Newest first. @default false */
  readonly reverse?: boolean | undefined;
}

export function expectTopic(topic: unknown, who: string): void {
  if (isTopicName(topic)) return;
  const got = typeof topic === 'string' ? JSON.stringify(topic.slice(0, 40)) : typeof topic;
  const message = `${who}: expected a topic of 1 to 200 bytes of UTF-8 without control characters, got ${got}`;
  throw new BackendError('BACKEND_BAD_TOPIC', message);
}

/** A copy, as JSON says it: it is told again with each worker, and must be what was checked then, too. */
export function infoOf(info: unknown, who: string): MemberInfo | undefined {
  if (info === undefined) return undefined;
  const json = jsonOf(info);
  const bytes = json?.startsWith('{') === true ? Buffer.byteLength(json) : undefined;
  if (json !== undefined && bytes !== undefined && bytes <= MAX_PRESENCE_INFO_BYTES) {
    return JSON.parse(json) as MemberInfo;
  }
  const got = bytes === undefined ? `something else, ${typeof info}` : `${bytes} bytes`;
  const message = `${who}: expected an object of at most ${MAX_PRESENCE_INFO_BYTES} bytes of JSON as info, got ${got}`;
  throw new BackendError('BACKEND_BAD_TOPIC', message);
}

/** A copy: the application may use its bytes for something else while nobody has answered. */
export function messageOf(data: unknown): Payload {
  const payload = typeof data === 'string' ? data : copyOf(data);
  const bytes = byteLengthOf(payload);
  if (bytes <= MAX_TOPIC_MESSAGE_BYTES) return payload;
  const message = `publish: expected at most ${MAX_TOPIC_MESSAGE_BYTES} bytes, got ${bytes}`;
  throw new BackendError('BACKEND_MESSAGE_TOO_BIG', message);
}

export function expectKey(key: unknown): void {
  if (key === undefined) return;
  if (typeof key === 'string' && key !== '' && Buffer.byteLength(key) <= MAX_IDEMPOTENCY_KEY_BYTES) return;
  const expected = `expected a string of 1 to ${MAX_IDEMPOTENCY_KEY_BYTES} bytes`;
  throw new BackendError('BACKEND_BAD_OPTION', `publish: idempotencyKey: ${expected}, got ${typeof key}`);
}

export function queryOf(topic: string, { since, limit, reverse = false }: HistoryOptions): HistoryQuery {
  expectTopic(topic, 'history');
  if (since !== undefined) expectWhole('history: since', since, { min: 0, max: Number.MAX_SAFE_INTEGER });
  if (limit !== undefined) expectWhole('history: limit', limit, { min: 1, max: MAX_HISTORY_MESSAGES });
  return { topic, since, limit, reverse };
}

function copyOf(data: unknown): Uint8Array {
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
  if (data instanceof ArrayBuffer) return new Uint8Array(data).slice();
  const message = `publish: expected a string, an ArrayBuffer or a view of one, got ${typeof data}`;
  throw new BackendError('BACKEND_BAD_DATA', message);
}

/** undefined: JSON cannot say it. */
function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value) as string | undefined;
  } catch {
    return undefined;
  }
}
