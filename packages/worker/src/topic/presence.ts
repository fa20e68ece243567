/**
 * Who of this worker's sessions is on topics with presence, as shared state is to know it. Each member has one wish (in,
 * lingering, out), and the store is told one call after the other until it has the last one: what fails is tried again, and a
 * join never overtakes the leave before it. A member is this worker's by its lease: when that lapses, all are joined again;
 * when another's does, whoever notices sweeps its members away.
 */
import type { PresenceEvent, PresenceStore } from '@holdfast/state';
import { jsonOfInfo } from './presence-info.js';
import { PresenceSweeps } from './presence-sweeps.js';
import type { Membership } from './session-topics.js';
import type { TopicStats } from './topic-stats.js';
import type { TopicMembers } from './topics.js';

export interface PresenceOptions {
  readonly store: PresenceStore;
  /** This worker's lease. */
  readonly owner: string;
  readonly stats: TopicStats;
}

interface Member {
  readonly topic: string;
  readonly id: string;
  /** Of two connections of one session, the newer: the end of the older is none of the member. */
  holder: Membership;
  info: string;
  wish: 'in' | 'linger' | 'out';
  lingerMs: number;
  /** The store has not been told yet. */
  isDue: boolean;
  isBusy: boolean;
}

const TICK_MS = 1000;
/** Of a tick: what waits for the store must not become a burst when it is back. */
const MAX_RETRIES = 2000;
/** Members that have gone and of whom the store could not be told. Beyond it, they stay until this worker's lease ends. */
export const MAX_UNTOLD = 100_000;

export class Presence implements TopicMembers {
  readonly #options: PresenceOptions;
  /** By topic and id. */
  readonly #topics = new Map<string, Map<string, Member>>();
  readonly #due = new Set<Member>();
  readonly #sweeps: PresenceSweeps;
  readonly #timer: NodeJS.Timeout;
  /** Calls that are not answered. */
  #inFlight = 0;
  #onQuiet: (() => void) | undefined;

  constructor(options: PresenceOptions) {
    this.#options = options;
    this.#sweeps = new PresenceSweeps(options.store, options.owner);
    this.#timer = setInterval(() => this.#tick(performance.now()), TICK_MS);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#due.clear();
  }

  /** The store has been told everything, or cannot be. What it was not told looks as if this worker had died. */
  async told(): Promise<void> {
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#onQuiet = resolve));
  }

  join(membership: Membership, info: object | undefined): void {
    const { session, topic } = membership;
    const members = this.#membersOf(topic.name);
    const json = this.#jsonOf(membership, info);
    const known = members.get(session.id);
    const fresh = {
      topic: topic.name,
      id: session.id,
      holder: membership,
      info: json,
      lingerMs: session.resumeWindowMs,
    };
    const member = known ?? { ...fresh, wish: 'in', isDue: false, isBusy: false };
    Object.assign(member, fresh);
    members.set(session.id, member);
    this.#want(member, 'in');
  }

  leave(membership: Membership, isLost: boolean): void {
    const member = this.#topics.get(membership.topic.name)?.get(membership.session.id);
    if (member?.holder !== membership) return;
    this.#want(member, isLost ? 'linger' : 'out');
  }

  async count(topic: string): Promise<number> {
    return (await this.#options.store.list(topic, 1)).total;
  }

  /** Nobody knows whether the store still has them. */
  joinAgain(topic: string): void {
    for (const member of this.#topics.get(topic)?.values() ?? []) this.#again(member);
  }

  /** Somebody took this worker for dead, and swept its members away. */
  onEvent(topic: string, { type, member: { id } }: PresenceEvent): void {
    const member = type === 'leave' ? this.#topics.get(topic)?.get(id) : undefined;
    if (member !== undefined && !member.isBusy) this.#again(member);
  }

  /** This worker's lease was renewed, and these leases are alive. `hasLapsed`: others may have taken it for dead. */
  onLeases(alive: readonly string[], hasLapsed: boolean): void {
    if (hasLapsed) for (const topic of this.#topics.keys()) this.joinAgain(topic);
    this.#sweeps.onLeases(alive);
  }

  /** A worker whose members are to be believed, as far as this one knows. */
  isAlive(owner: string): boolean {
    return !this.#sweeps.isDead(owner);
  }

  #membersOf(topic: string): Map<string, Member> {
    const known = this.#topics.get(topic);
    if (known !== undefined) return known;
    const members = new Map<string, Member>();
    this.#topics.set(topic, members);
    this.#sweeps.begin(topic);
    return members;
  }

  #jsonOf({ session }: Membership, info: object | undefined): string {
    const { principal } = session.identity;
    const json = jsonOfInfo(info ?? (principal === undefined ? undefined : { principal }));
    if (json === undefined) this.#options.stats.boundHit('presence_info');
    return json ?? '';
  }

  #want(member: Member, wish: Member['wish']): void {
    member.wish = wish;
    member.isDue = true;
    void this.#tell(member);
  }

  #again(member: Member): void {
    if (member.wish !== 'in') return;
    member.isDue = true;
    this.#due.add(member);
  }

  async #tell(member: Member): Promise<void> {
    if (member.isBusy) return;
    member.isBusy = true;
    this.#inFlight += 1;
    try {
      while (member.isDue) {
        member.isDue = false;
        await this.#call(member);
      }
      this.#due.delete(member);
      if (member.wish !== 'in') this.#forget(member);
    } catch {
      member.isDue = true;
      this.#retryLater(member);
    } finally {
      member.isBusy = false;
      this.#inFlight -= 1;
      if (this.#inFlight === 0) this.#onQuiet?.();
    }
  }

  async #call({ topic, id, info, wish, lingerMs }: Member): Promise<void> {
    const { store, owner } = this.#options;
    if (wish === 'in') await store.join({ topic, member: { id, info }, owner });
    else if (wish === 'out') await store.leave({ topic, memberId: id, owner });
    else {
      await store.linger({ topic, memberId: id, owner, lingerMs });
      this.#sweeps.lingers(topic, lingerMs);
    }
  }

  #retryLater(member: Member): void {
    if (this.#due.size >= MAX_UNTOLD && member.wish !== 'in') {
      this.#options.stats.boundHit('presence_untold');
      this.#forget(member);
    } else this.#due.add(member);
  }

  #forget({ topic, id }: Member): void {
    const members = this.#topics.get(topic);
    members?.delete(id);
    if (members?.size !== 0) return;
    this.#topics.delete(topic);
    this.#sweeps.end(topic);
  }

  #tick(nowMs: number): void {
    let retries = 0;
    for (const member of this.#due) {
      if (retries >= MAX_RETRIES) break;
      this.#due.delete(member);
      void this.#tell(member);
      retries += 1;
    }
    this.#sweeps.run(nowMs);
  }
}
