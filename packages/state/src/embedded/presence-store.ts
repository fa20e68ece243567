/**
 * EmbeddedPresence: who is on the topics of one machine, in the memory of the supervisor. A member that has lingered long
 * enough is there until a sweep has told that it left: so each join is followed by one leave. Full stores refuse: throwing
 * somebody out would be a leave that never happened.
 */
import { StateError } from '../errors.js';
import { MAX_PRESENCE_MEMBERS, PRESENCE_TTL_MS } from '../presence-store.js';
import type { PresenceJoin, PresenceLeave, PresenceList } from '../presence-store.js';
import type { PresenceLinger } from '../topic-arguments.js';
import type { PresenceEvent } from '../topic-bus.js';
import { ExpiringMap } from './expiring-map.js';

export interface EmbeddedPresenceOptions {
  /** Of all topics together. */
  readonly maxMembers: number;
  readonly tell: (topic: string, event: PresenceEvent) => void;
}

interface Member {
  readonly info: string;
  /** '' while it lingers. */
  readonly owner: string;
  /** On the monotonic clock; Infinity while it has an owner. */
  readonly until: number;
}

type Members = Map<string, Member>;

export class EmbeddedPresence {
  readonly #options: EmbeddedPresenceOptions;
  readonly #topics: ExpiringMap<Members>;
  #members = 0;

  constructor(options: EmbeddedPresenceOptions) {
    this.#options = options;
    this.#topics = new ExpiringMap({
      // A topic here has a member at least, so that the bound of members is met first.
      maxEntries: options.maxMembers + 1,
      onRemoved: (members) => void (this.#members -= members.size),
    });
  }

  get members(): number {
    return this.#members;
  }

  join({ topic, member, owner }: PresenceJoin): 'joined' | 'present' {
    const { id, info } = member;
    const isNew = this.#topics.get(topic)?.has(id) !== true;
    if (isNew) this.#checkRoom(topic);
    this.#change(topic, (members) => members.set(id, { info, owner, until: Infinity }));
    if (!isNew) return 'present';
    this.#options.tell(topic, { type: 'join', member });
    return 'joined';
  }

  leave({ topic, memberId, owner }: PresenceLeave): 'left' | 'elsewhere' | 'absent' {
    const member = this.#topics.get(topic)?.get(memberId);
    if (member === undefined) return 'absent';
    if (member.owner !== owner) return 'elsewhere';
    this.#remove(topic, new Map([[memberId, member]]));
    return 'left';
  }

  linger({ topic, memberId, owner, lingerMs }: PresenceLinger): 'lingering' | 'elsewhere' | 'absent' {
    const member = this.#topics.get(topic)?.get(memberId);
    if (member === undefined) return 'absent';
    if (member.owner !== owner) return 'elsewhere';
    const until = performance.now() + lingerMs;
    this.#change(topic, (members) => members.set(memberId, { info: member.info, owner: '', until }));
    return 'lingering';
  }

  sweep(topic: string, deadOwners: readonly string[]): number {
    const members = this.#topics.get(topic);
    if (members === undefined) return 0;
    const now = performance.now();
    const dead = new Set(deadOwners);
    const gone: Members = new Map();
    for (const [id, member] of members) {
      if (member.until <= now || dead.has(member.owner)) gone.set(id, member);
    }
    if (gone.size > 0) this.#remove(topic, gone);
    return gone.size;
  }

  list(topic: string, limit: number): PresenceList {
    const members = this.#topics.get(topic);
    const listed: PresenceList['members'][number][] = [];
    const now = performance.now();
    let total = 0;
    for (const [id, { info, owner, until }] of members ?? []) {
      if (until <= now) continue;
      total += 1;
      if (total <= limit) listed.push({ id, info, owner });
    }
    return { members: listed, total };
  }

  close(): void {
    this.#topics.close();
    this.#members = 0;
  }

  #remove(topic: string, gone: Members): void {
    this.#change(topic, (members) => {
      for (const id of gone.keys()) members.delete(id);
    });
    for (const [id, { info }] of gone) this.#options.tell(topic, { type: 'leave', member: { id, info } });
  }

  /** Taken out and put back, so that the count is right and their life begins anew. */
  #change(topic: string, change: (members: Members) => unknown): void {
    const members: Members = this.#topics.get(topic) ?? new Map();
    this.#topics.delete(topic);
    change(members);
    if (members.size === 0) return;
    this.#members += members.size;
    this.#topics.set(topic, members, PRESENCE_TTL_MS);
  }

  #checkRoom(topic: string): void {
    const ofTopic = this.#topics.get(topic)?.size ?? 0;
    if (ofTopic >= MAX_PRESENCE_MEMBERS) throw tooMany(`${MAX_PRESENCE_MEMBERS} members of one topic`);
    if (this.#members >= this.#options.maxMembers) throw tooMany(`${this.#options.maxMembers} members of all topics`);
  }
}

function tooMany(most: string): StateError {
  return new StateError('STATE_UNAVAILABLE', `presence.join: expected at most ${most}, got one more`);
}
