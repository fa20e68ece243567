/**
 * Keys and channels of the topics; the table of all keys is in keys.ts. `{tag}` is the partition's (partitions.ts). Topics of one
 * partition may be asked for in one command.
 */
import { escapePart } from './keys.js';
import { PARTITION_TAGS, partitionOf } from './partitions.js';

export interface TopicKeys {
  readonly meta: string;
  readonly log: string;
  /** Where messages and changes of presence are told. */
  readonly channel: string;
}

export function topicKeys(prefix: string, topic: string): TopicKeys {
  const meta = topicMetaKey(prefix, topic);
  return { meta, log: `${meta}:log`, channel: `${meta}:live` };
}

export function topicMetaKey(prefix: string, topic: string): string {
  return `${prefix}topic:{${PARTITION_TAGS[partitionOf(topic)]}}:${escapePart(topic)}`;
}

export function topicChannel(prefix: string, topic: string): string {
  return `${topicMetaKey(prefix, topic)}:live`;
}

export function idempotencyKeyOf(meta: string, idempotencyKey: string): string {
  return `${meta}:once:${escapePart(idempotencyKey)}`;
}

export interface PresenceKeys {
  readonly members: string;
  readonly lingering: string;
  readonly owners: string;
  readonly channel: string;
}

export function presenceKeys(prefix: string, topic: string): PresenceKeys {
  const meta = topicMetaKey(prefix, topic);
  return {
    members: `${meta}:members`,
    lingering: `${meta}:lingering`,
    owners: `${meta}:owners`,
    channel: `${meta}:live`,
  };
}

/** No topic's: what a subscriber sends itself to see whether it hears. */
export function probeChannel(prefix: string, partition: number, id: string): string {
  return `${prefix}topic-probe:{${PARTITION_TAGS[partition]}}:${escapePart(id)}`;
}
