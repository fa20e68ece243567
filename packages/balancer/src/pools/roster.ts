/**
 * The members of one pool and what the operator said about them. Everything that is known of a member survives as long
 * as its id stays listed with the same URL; the operator's word also survives a DNS member that is gone for a while,
 * or else a flicker of DNS would undo a maintenance. Changes go through `change`, which settles and tells who watches.
 */
import type { BackendSnapshot, PoolConfig } from '@holdfast/worker';
import { UNCHECKED } from './health-state.js';
import { type BackendReport, type Member, newMember, type Override, reportOf, settle, snapshotOf } from './member.js';
import { canSpareOne } from './outlier.js';
import type { ListedBackend } from './resolve.js';

export interface RosterDeps {
  readonly now: () => number;
  /** After a member changed its state; `from` is absent for a new one, `to` for one that left. */
  readonly onState: (id: string, from: Member | undefined, to: Member | undefined) => void;
}

/** Of members that are not listed at the moment. The oldest go first. */
const MAX_REMEMBERED_OVERRIDES = 1000;

export class Roster {
  readonly #deps: RosterDeps;
  #config: PoolConfig;
  #members = new Map<string, Member>();
  readonly #overrides = new Map<string, Override>();

  constructor(config: PoolConfig, deps: RosterDeps) {
    this.#config = config;
    this.#deps = deps;
  }

  get config(): PoolConfig {
    return this.#config;
  }

  get members(): ReadonlyMap<string, Member> {
    return this.#members;
  }

  configure(config: PoolConfig): void {
    this.#config = config;
    // Without checks nothing would ever bring a member back that the last check took down.
    if (config.health === undefined) for (const id of this.#members.keys()) this.change(id, { health: UNCHECKED });
  }

  /** Sets who belongs here. Newcomers to a pool that works start slowly; the first of a pool have nobody to spare them. */
  list(backends: readonly ListedBackend[]): void {
    const before = this.#members;
    const newcomerStart = before.size > 0 ? this.#deps.now() : undefined;
    const members = new Map<string, Member>();
    for (const listed of backends) {
      const known = before.get(listed.id);
      const stays = known !== undefined && known.listed.url === listed.url;
      if (known !== undefined && !stays) this.#overrides.delete(listed.id);
      members.set(listed.id, stays ? { ...known, listed } : newMember(listed, newcomerStart));
    }
    this.#members = members;
    for (const id of members.keys()) this.#settle(id, before.get(id));
    for (const [id, member] of before) if (!members.has(id)) this.#deps.onState(id, member, undefined);
    this.#forgetOverrides();
  }

  /** Replaces what is known of a member. */
  change(id: string, change: Partial<Pick<Member, 'health' | 'outlier' | 'ejections'>>): void {
    const member = this.#members.get(id);
    if (member === undefined) return;
    this.#members.set(id, { ...member, ...change });
    this.#settle(id, member);
  }

  override(id: string, override: Override | undefined): void {
    this.#overrides.delete(id); // so that the newest comes last
    if (override !== undefined) this.#overrides.set(id, override);
    this.#settle(id, this.#members.get(id));
  }

  overrideOf(id: string): Override | undefined {
    return this.#overrides.get(id);
  }

  /** May traffic's verdict take this one out? One that is down already is left to whoever took it down. */
  canSpare(id: string): boolean {
    const state = this.#members.get(id)?.state;
    if (state !== 'ready' && state !== 'draining') return false;
    const others = [...this.#members].filter(([other]) => other !== id);
    const usableOthers = others.filter(
      ([id, member]) => member.state === 'ready' && this.#weight(id, member) > 0,
    ).length;
    const ejected = others.filter(([, member]) => member.outlier.name === 'ejected').length;
    return canSpareOne({ total: this.#members.size, ejected, usableOthers }, this.#config.outlier);
  }

  snapshot(): readonly BackendSnapshot[] {
    const nowMs = this.#deps.now();
    return [...this.#members].map(([id, member]) => snapshotOf(member, this.#overrides.get(id), this.#config, nowMs));
  }

  report(): readonly BackendReport[] {
    return [...this.#members].map(([id, member]) => reportOf(this.#config.name, member, this.#overrides.get(id)));
  }

  #settle(id: string, before: Member | undefined): void {
    const member = this.#members.get(id);
    if (member === undefined) return;
    const settled = settle(member, this.#overrides.get(id), this.#deps.now());
    if (settled !== member) this.#members.set(id, settled);
    if (before?.state !== settled.state) this.#deps.onState(id, before, settled);
  }

  #weight(id: string, member: Member): number {
    return this.#overrides.get(id)?.weight ?? member.listed.weight;
  }

  #forgetOverrides(): void {
    const isStatic = this.#config.backends.type === 'static';
    const absent = [...this.#overrides.keys()].filter((id) => !this.#members.has(id));
    for (const id of isStatic ? absent : absent.slice(0, -MAX_REMEMBERED_OVERRIDES)) this.#overrides.delete(id);
  }
}
