/**
 * Reads what a caller of the admin API asks of a topic: the question for a worker, or a refusal that says what was expected. Apart
 * from the routes, because this is most of them.
 */
import { randomBytes } from 'node:crypto';
import { isTopicName } from '@holdfast/protocol';
import {
  MAX_IDEMPOTENCY_KEY_BYTES,
  MAX_PRESENCE_LISTED,
  MAX_READ_MESSAGES,
  MAX_TOPIC_MESSAGE_BYTES,
} from '@holdfast/state';
import type { TopicQuestion } from '@holdfast/worker';
import { AdminError, shown } from './admin-error.js';

type PublishQuestion = Extract<TopicQuestion, { what: 'publish' }>;
type Fields = Readonly<Record<string, unknown>>;

/** The largest message as base64 is 1.34 MiB. A text that JSON makes longer than this has to come as base64. */
export const MAX_PUBLISH_BODY_BYTES: number = 2 * 1024 * 1024;

const DEFAULT_MESSAGES = 100;
const DEFAULT_MEMBERS = 1000;
const KEYS = ['topic', 'data', 'base64', 'idempotencyKey'] as const;
const TOPIC = '1 to 200 bytes of UTF-8 without control characters';

export function readPublish(body: unknown): PublishQuestion {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw invalidBody('a JSON object', body);
  const fields = body as Fields;
  const unknown = Object.keys(fields).find((key) => !KEYS.some((known) => known === key));
  if (unknown !== undefined) throw invalidBody(`only the keys ${KEYS.join(', ')}`, unknown);
  const { topic } = fields;
  if (!isTopicName(topic)) throw invalidBody(`topic: ${TOPIC}`, topic);
  const isBinary = fields['base64'] !== undefined;
  const data = isBinary ? readBinary(fields) : readText(fields);
  if (data.length > MAX_TOPIC_MESSAGE_BYTES) throw messageTooLarge(MAX_TOPIC_MESSAGE_BYTES, data.length);
  return { what: 'publish', topic, isBinary, data, idempotencyKey: readKey(fields['idempotencyKey']) };
}

export function readHistory(topic: string, query: Fields): TopicQuestion {
  return {
    what: 'history',
    topic: requireTopic(topic),
    since: readSince(query['since']),
    limit: readLimit(query['limit'], { byDefault: DEFAULT_MESSAGES, max: MAX_READ_MESSAGES }),
    isReverse: readReverse(query['reverse']),
  };
}

export function readPresence(topic: string, query: Fields): TopicQuestion {
  const limit = readLimit(query['limit'], { byDefault: DEFAULT_MEMBERS, max: MAX_PRESENCE_LISTED });
  return { what: 'presence', topic: requireTopic(topic), limit };
}

export function messageTooLarge(maxBytes: number, bytes: number): AdminError {
  const expected = `a message of at most ${maxBytes} bytes`;
  return new AdminError({ status: 413, code: 'MESSAGE_TOO_LARGE', expected, got: `${bytes} bytes` });
}

function readText({ data }: Fields): Uint8Array {
  if (typeof data !== 'string') throw invalidBody('data (a text) or base64', data);
  if (/\p{Surrogate}/u.test(data)) throw invalidBody('data: a text without lone surrogates', data);
  return Buffer.from(data);
}

function readBinary({ base64, data }: Fields): Uint8Array {
  if (data !== undefined) throw invalidBody('either data or base64', 'both');
  const bytes = Buffer.from(typeof base64 === 'string' ? base64 : '', 'base64');
  // Node takes anything for base64 and leaves out what is none.
  if (bytes.toString('base64') === base64) return bytes;
  throw invalidBody('base64: bytes in base64, with its padding', base64);
}

/** Made up when absent: a publish may have to be tried with a second worker, and must not happen twice. */
function readKey(key: unknown): string {
  if (key === undefined) return `admin:${randomBytes(12).toString('base64url')}`;
  const bytes = typeof key === 'string' && !/\p{Surrogate}/u.test(key) ? Buffer.byteLength(key) : 0;
  if (bytes >= 1 && bytes <= MAX_IDEMPOTENCY_KEY_BYTES) return key as string;
  throw invalidBody(`idempotencyKey: a text of 1 to ${MAX_IDEMPOTENCY_KEY_BYTES} bytes`, key);
}

function requireTopic(topic: string): string {
  if (isTopicName(topic)) return topic;
  throw new AdminError({ status: 400, code: 'INVALID_TOPIC', expected: `a topic of ${TOPIC}`, got: shown(topic) });
}

function readSince(since: unknown): number | undefined {
  if (since === undefined) return undefined;
  const offset = typeof since === 'string' && /^[0-9]{1,16}$/.test(since) ? Number(since) : Number.NaN;
  if (Number.isSafeInteger(offset)) return offset;
  throw invalidQuery('since: the offset of a message', since);
}

function readLimit(limit: unknown, { byDefault, max }: { byDefault: number; max: number }): number {
  if (limit === undefined) return byDefault;
  const number = typeof limit === 'string' && /^[0-9]{1,5}$/.test(limit) ? Number(limit) : 0;
  if (number >= 1 && number <= max) return number;
  throw invalidQuery(`limit: a whole number from 1 to ${max}`, limit);
}

function readReverse(reverse: unknown): boolean {
  if (reverse === undefined || reverse === 'false') return false;
  if (reverse === 'true') return true;
  throw invalidQuery('reverse: true or false', reverse);
}

function invalidBody(expected: string, got: unknown): AdminError {
  return new AdminError({ status: 400, code: 'INVALID_BODY', expected, got: shown(got) });
}

function invalidQuery(expected: string, got: unknown): AdminError {
  return new AdminError({ status: 400, code: 'INVALID_QUERY', expected, got: shown(got) });
}
