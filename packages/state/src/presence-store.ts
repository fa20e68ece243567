/**
 * PresenceStore: who is on a topic. A member belongs to the process that holds its client's connection, by that
 * process's lease (lease-store.ts): nobody refreshes members one by one. A member whose connection is lost lingers for the
 * resume window without an owner. Whoever joins, takes over or leaves is told on the topic's bus, by the same step
 * that changes it and only if it changes something: each join and each leave is told once.
 *
 * What the store does not know is which leases are alive; callers do (LeaseStore.renew), and sweep.
 */
import type { PresenceMember } from './topic-bus.js';

export interface PresenceStore {
  /** 'joined': told as a join. 'present': it was there, lingering or somebody else's; owner and info are the new ones, nothing is told. */
  join(request: PresenceJoin): Promise<'joined' | 'present'>;
  /** Removes the member and tells so, if this owner still has it. */
  leave(request: PresenceLeave): Promise<'left' | 'elsewhere' | 'absent'>;
  /** Its connection is gone: it stays for `lingerMs` without an owner. Nothing is told. */
  linger(request: PresenceLeave & { readonly lingerMs: number }): Promise<'lingering' | 'elsewhere' | 'absent'>;
  /** Members of these owners leave, and those who have lingered long enough. Answers how many left by this call. */
  sweep(topic: string, deadOwners: readonly string[]): Promise<number>;
  /** In no order, at most `limit` (to MAX_PRESENCE_LISTED); those who have lingered long enough are left out. */
  list(topic: string, limit: number): Promise<PresenceList>;
}

export interface PresenceJoin {
  readonly topic: string;
  readonly member: PresenceMember;
  /** A lease's id. */
  readonly owner: string;
}

export interface PresenceLeave {
  readonly topic: string;
  readonly memberId: string;
  readonly owner: string;
}

export interface PresenceList {
  /** `owner` is '' while it lingers. */
  readonly members: readonly (PresenceMember & { readonly owner: string })[];
  /** All of the topic, listed or not. */
  readonly total: number;
}

/** Of one topic; one more is refused with STATE_UNAVAILABLE. */
export const MAX_PRESENCE_MEMBERS = 100_000;
export const MAX_PRESENCE_LISTED = 10_000;
/** Without any join or leave, the members of a topic are forgotten after this long; owners join theirs again in time. */
export const PRESENCE_TTL_MS: number = 24 * 3600 * 1000;
