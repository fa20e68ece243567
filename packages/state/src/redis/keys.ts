/**
 * Every key that Holdfast writes to Redis. Nothing but this and topic-keys.ts spells a key.
 *
 * | key                               | type   | holds                        | time to live                          |
 * | --------------------------------- | ------ | ---------------------------- | ------------------------------------- |
 * | `<prefix>affinity:{<pool>:<key>}` | string | id of the backend            | the pool's sticky time, per claim     |
 * | `<prefix>session:{<id>}`          | hash   | the session's record         | the claim's `ttlMs`; parked: `windowMs` |
 * | `<prefix>session:{<id>}:tail`     | stream | the parked messages, by n    | `windowMs`; 60 s or more at a claim   |
 * | `<prefix>leases:{leases}`         | hash   | all leases, by id            | the longest lease                     |
 * | `<prefix>topic:{<tag>}:<topic>`   | hash   | epoch and last offset        | twice the retention, at least an hour |
 * | … `:log`                          | stream | kept messages, by offset     | the retention, per publish            |
 * | … `:once:<idempotency key>`       | string | where the first one is       | 5 min                                 |
 * | … `:members`                      | hash   | who is on the topic          | a day, per join or leave              |
 * | … `:lingering`                    | zset   | members without a connection | as `:members`                         |
 * | … `:owners`                       | hash   | how many members each has    | as `:members`                         |
 * | `<prefix>probe:{<connection>}`    | string | `1`: the server takes writes | 10 s                                  |
 *
 * Channels: `<prefix>topic:{<tag>}:<topic>:live` and `<prefix>topic-probe:{<tag>}:<connection>`.
 *
 * What stands in braces is the hash tag: on a Cluster all keys of one thing live in one slot. The parts come from
 * clients, so `%`, `:`, braces and what has no UTF-8 form are escaped: two different pairs never make the same key, and
 * no client can steer its key out of its hash tag. Hashing the parts was rejected: an operator wants to read them.
 */
import type { AffinityKey } from '../arguments.js';
import { StateError } from '../errors.js';

export const PROBE_TTL_MS = 10_000;

export function affinityKey(prefix: string, { pool, key }: AffinityKey): string {
  return `${prefix}affinity:{${escapePart(pool)}:${escapePart(key)}}`;
}

export interface SessionKeys {
  readonly record: string;
  readonly tail: string;
}

export function sessionKeys(prefix: string, sessionId: string): SessionKeys {
  const record = `${prefix}session:{${escapePart(sessionId)}}`;
  return { record, tail: `${record}:tail` };
}

/** One key for the whole fleet: a renewal reads all leases, and in a Cluster only one node can answer that at once. */
export function leasesKey(prefix: string): string {
  return `${prefix}leases:{leases}`;
}

/** One per connection: on a shared one, a probe of another worker could answer for this one's. */
export function probeKey(prefix: string, connectionId: string): string {
  return `${prefix}probe:{${escapePart(connectionId)}}`;
}

const MAX_PREFIX_BYTES = 128;

/** Braces are refused: they would move the hash tag, and with it everything that relies on sharing a slot. */
export function checkPrefix(prefix: unknown): string {
  if (typeof prefix === 'string' && Buffer.byteLength(prefix) <= MAX_PREFIX_BYTES && !/[{}]/.test(prefix))
    return prefix;
  throw new StateError(
    'STATE_CONFIG',
    `state prefix: expected at most ${MAX_PREFIX_BYTES} bytes without braces, such as "holdfast:", got ${JSON.stringify(prefix)}`,
  );
}

const NEEDS_ESCAPE = /[%:{}]|\p{Surrogate}/gu;

/** `%3A` for a character, `%uD800` for a lone surrogate: as `%` itself is escaped, the two cannot be confused. */
export function escapePart(part: string): string {
  return part.replace(NEEDS_ESCAPE, (character) => {
    const hex = character.charCodeAt(0).toString(16).toUpperCase();
    return hex.length > 2 ? `%u${hex}` : `%${hex.padStart(2, '0')}`;
  });
}
