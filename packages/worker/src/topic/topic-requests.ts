/**
 * What clients and backends alike ask of topics: publish, history, presence. Answers the body of a result, or why there is
 * none; who may ask, and how often, is for those who call.
 */
import {
  DEFAULT_HISTORY_MESSAGES,
  type HistoryEntryBody,
  type HistoryQuery,
  isTopicName,
  MAX_IDEMPOTENCY_KEY_BYTES,
  type TopicRefusal,
} from '@holdfast/protocol';
import type { PresenceStore, TopicMessage, TopicPage, TopicStore } from '@holdfast/state';
import { infoOf } from './presence-info.js';
import type { TopicRules } from './topic-rules.js';
import type { PublishSource, TopicStats } from './topic-stats.js';

export type TopicResult =
  | { readonly ok: true; readonly body: object }
  | { readonly ok: false; readonly error: TopicRefusal; readonly retryable: boolean };

export interface TopicRequestsOptions {
  readonly store: Pick<TopicStore, 'publish' | 'read'>;
  readonly presence: Pick<PresenceStore, 'list'>;
  readonly rules: TopicRules;
  readonly stats: TopicStats;
  /** Of the worker that has a member: those of a dead one are about to be swept away. */
  readonly isAlive: (owner: string) => boolean;
}

export interface PublishRequest {
  readonly topic: string;
  readonly isBinary: boolean;
  /** Kept: not the caller's any more. */
  readonly data: Uint8Array;
  readonly key: string | undefined;
}

/** Members of an answer; `total` tells of more. Some 100 bytes each, so that it stays below MAX_TOPIC_RESULT_BYTES. */
const MAX_MEMBERS = 1000;

export class TopicRequests {
  readonly #options: TopicRequestsOptions;

  constructor(options: TopicRequestsOptions) {
    this.#options = options;
  }

  /** undefined: it may be published. */
  refusePublish({ topic, data, key }: PublishRequest): TopicRefusal | undefined {
    if (!isTopicName(topic)) return 'invalid';
    if (key !== undefined && (key === '' || Buffer.byteLength(key) > MAX_IDEMPOTENCY_KEY_BYTES)) return 'invalid';
    if (data.length <= this.#options.rules.of(topic).messageBytes) return undefined;
    this.#options.stats.boundHit('topic_message_bytes');
    return 'size';
  }

  /** Of one that `refusePublish` did not refuse. */
  async publish(request: PublishRequest, source: PublishSource): Promise<TopicResult> {
    const { store, rules, stats } = this.#options;
    const { topic, isBinary, data, key } = request;
    try {
      const retention = rules.of(topic).history;
      const message = { topic, isBinary, data, retention, idempotencyKey: key };
      const { epoch, offset, isRepeat } = await store.publish(message);
      stats.onPublish(source, isRepeat ? 'repeated' : 'published');
      return { ok: true, body: { epoch, offset } };
    } catch {
      stats.onPublish(source, 'unavailable');
      return UNAVAILABLE;
    }
  }

  async history({ topic, since, limit = DEFAULT_HISTORY_MESSAGES, reverse }: HistoryQuery): Promise<TopicResult> {
    if (!isTopicName(topic)) return refused('invalid');
    const { ageMs } = this.#options.rules.of(topic).history;
    try {
      const page = await this.#options.store.read({ topic, since, limit, isReverse: reverse, ageMs });
      const messages = page.messages.map(entryOf);
      const body = { epoch: page.epoch, top: page.offset, messages, more: hasMore(page, reverse) };
      return { ok: true, body };
    } catch {
      return UNAVAILABLE;
    }
  }

  async members(topic: string): Promise<TopicResult> {
    if (!isTopicName(topic)) return refused('invalid');
    try {
      const { members, total } = await this.#options.presence.list(topic, MAX_MEMBERS);
      const there = members.filter(({ owner }) => owner === '' || this.#options.isAlive(owner));
      return { ok: true, body: { members: there.map(({ id, info }) => ({ id, info: infoOf(info) })), total } };
    } catch {
      return UNAVAILABLE;
    }
  }
}

const UNAVAILABLE: TopicResult = { ok: false, error: 'unavailable', retryable: true };

export function refused(error: TopicRefusal): TopicResult {
  return { ok: false, error, retryable: error === 'unavailable' || error === 'limit' };
}

function entryOf({ offset, isBinary, data, publishedAtMs: atMs }: TopicMessage): HistoryEntryBody {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
  return isBinary ? { offset, base64: bytes.toString('base64'), atMs } : { offset, data: bytes.toString(), atMs };
}

function hasMore({ messages, offset, first }: TopicPage, isReverse: boolean): boolean {
  const last = messages.at(-1)?.offset;
  if (last === undefined) return false;
  return isReverse ? last > first : last < offset;
}
