/**
 * Partitions of the topics: each topic belongs to one of 128 by its name, and all keys and the channel of a partition have
 * one hash tag. So positions are asked for with few commands, a Cluster's subscribers can name many channels in one, and it is
 * known which node to listen at for any topic. The tags are chosen so that their slots stand evenly over all slots: any
 * number of nodes that share the slots evenly share the topics evenly. A tag per topic was rejected: 100,000 topics would be in
 * 16,384 slots, and each group of channels would be a few of one slot.
 *
 * Changing anything here loses what is kept, and fleets of two versions would not hear each other.
 */
import { SLOTS, slotOf } from './slots.js';

export const PARTITIONS = 128;
const SLOTS_EACH: number = SLOTS / PARTITIONS;
/** Found within some thousand tries; exact ones would take a hundred thousand. */
const MAX_OFF_CENTRE = 8;

/** By partition: the text that stands in braces. */
export const PARTITION_TAGS: readonly string[] = findTags();

/** FNV-1a over UTF-16 code units, with the high bits folded in: its low ones alone are not spread well enough. */
export function partitionOf(topic: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < topic.length; i += 1) hash = Math.imul(hash ^ topic.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 15)) & (PARTITIONS - 1);
}

/** The first counting number whose slot is near the middle of the partition's share, for each partition. */
function findTags(): readonly string[] {
  const tags = new Map<number, string>();
  for (let n = 0; tags.size < PARTITIONS; n += 1) {
    const tag = n.toString(36);
    const slot = slotOf(`{${tag}}`);
    const partition = Math.floor(slot / SLOTS_EACH);
    const offCentre = Math.abs(slot - (partition + 0.5) * SLOTS_EACH);
    if (offCentre <= MAX_OFF_CENTRE && !tags.has(partition)) tags.set(partition, tag);
  }
  return Array.from({ length: PARTITIONS }, (_, partition) => tags.get(partition) as string);
}
