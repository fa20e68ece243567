/**
 * Who is in which state, for the whole machine: lists from the configuration and DNS, checks, traffic and operators
 * come together here, and workers are told the outcome. One place instead of one per worker: a backend is checked once,
 * and all workers agree about it. This file only connects the parts; each rule is in the part that it belongs to.
 */
import type { BackendOutcome, PoolConfig, PoolsSnapshot } from '@holdfast/worker';
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { type CheckPlan, planChecks } from './check-plan.js';
import { Checker } from './checker.js';
import type { CheckResult } from './checks/check.js';
import { Discovery } from './discovery.js';
import { recordCheck } from './health-state.js';
import type { BackendReport, Member } from './member.js';
import { recordOutcome, releaseIfDue } from './outlier.js';
import { applyChange, type OverrideChange, refuseChange } from './override.js';
import { type ListedBackend, type NameResolver, systemResolver } from './resolve.js';
import { Roster } from './roster.js';

export interface PoolDirectoryDeps {
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Epoch milliseconds; workers compare slow starts with the same clock. */
  readonly now: () => number;
  readonly log: Logger;
  /** Default: the system's DNS. */
  readonly resolver?: NameResolver;
}

export type OverrideResult =
  | { readonly ok: true; readonly changed: readonly { readonly pool: string; readonly id: string }[] }
  | { readonly ok: false; readonly error: string };

interface Entry {
  readonly roster: Roster;
  discovery: Discovery | undefined;
}

/** Start-up does not wait longer than this for DNS: its pools are filled when the answers come. */
const FIRST_RESOLUTION_MS = 2000;
/** Of ids in an error message. */
const MAX_NAMED = 10;
/** Longest delay that setTimeout takes. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export class PoolDirectory {
  onChange: ((snapshot: PoolsSnapshot) => void) | undefined;
  readonly #deps: PoolDirectoryDeps;
  readonly #resolver: NameResolver;
  readonly #checker: Checker;
  readonly #pools = new Map<string, Entry>();
  #plan: CheckPlan = { jobs: [], concerned: new Map() };
  #phase: 'new' | 'running' | 'stopped' = 'new';
  #notice: NodeJS.Immediate | undefined;
  #ejectionTimer: NodeJS.Timeout | undefined;

  constructor(deps: PoolDirectoryDeps) {
    this.#deps = deps;
    this.#resolver = deps.resolver ?? systemResolver();
    this.#checker = new Checker({ random: deps.random, onResult: (key, result) => this.#onCheck(key, result) });
  }

  /** The whole picture, at first and at every reload: what is known of backends that stay survives. */
  configure(pools: Readonly<Record<string, PoolConfig>>): void {
    for (const [name, entry] of this.#pools) {
      if (Object.hasOwn(pools, name)) continue;
      entry.discovery?.stop();
      this.#pools.delete(name);
    }
    for (const config of Object.values(pools)) this.#configurePool(config);
    this.#changed();
    this.#planChecks();
  }

  /** Resolves when every DNS pool was tried once, or after two seconds. Never rejects. */
  async start(): Promise<void> {
    this.#phase = 'running';
    this.#planChecks();
    const discoveries = [...this.#pools.values()].map(({ discovery }) => discovery?.start());
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, FIRST_RESOLUTION_MS);
    });
    await Promise.race([Promise.all(discoveries), deadline]);
    clearTimeout(timer);
  }

  snapshot(): PoolsSnapshot {
    return Object.fromEntries([...this.#pools].map(([name, { roster }]) => [name, roster.snapshot()]));
  }

  report(): readonly BackendReport[] {
    return [...this.#pools.values()].flatMap(({ roster }) => roster.report());
  }

  /** Reports of workers; what they say of backends that are gone is ignored. */
  recordOutcomes(outcomes: readonly BackendOutcome[]): void {
    for (const outcome of outcomes) {
      const roster = this.#pools.get(outcome.pool)?.roster;
      const member = roster?.members.get(outcome.backendId);
      if (roster === undefined || member === undefined) continue;
      const context = {
        config: roster.config.outlier,
        nowMs: this.#deps.now(),
        mayEject: () => roster.canSpare(outcome.backendId),
      };
      const outlier = recordOutcome(member.outlier, outcome, context);
      const isEjection = outlier.name === 'ejected' && member.outlier.name === 'watched';
      roster.change(outcome.backendId, { outlier, ejections: member.ejections + (isEjection ? 1 : 0) });
    }
    this.#armEjectionTimer();
  }

  /** An operator's word about a backend, in one pool or in all that list its id. */
  setOverride(backendId: string, change: OverrideChange): OverrideResult {
    const refusal = refuseChange(change);
    if (refusal !== undefined) return { ok: false, error: refusal };
    const rosters = [...this.#pools.values()]
      .map(({ roster }) => roster)
      .filter(({ config }) => change.pool === undefined || change.pool === config.name);
    if (rosters.length === 0) return { ok: false, error: unknown('pool', String(change.pool), this.#pools.keys()) };
    const concerned = rosters.filter(({ members }) => members.has(backendId));
    if (concerned.length === 0) {
      const known = rosters.flatMap(({ members }) => [...members.keys()]);
      return { ok: false, error: unknown('backend', backendId, known) };
    }
    for (const roster of concerned) roster.override(backendId, applyChange(roster.overrideOf(backendId), change));
    this.#changed();
    return { ok: true, changed: concerned.map(({ config }) => ({ pool: config.name, id: backendId })) };
  }

  stop(): Promise<void> {
    this.#phase = 'stopped';
    for (const { discovery } of this.#pools.values()) discovery?.stop();
    this.#checker.stop();
    clearTimeout(this.#ejectionTimer);
    clearImmediate(this.#notice);
    return Promise.resolve();
  }

  #configurePool(config: PoolConfig): void {
    const entry = this.#pools.get(config.name) ?? this.#addPool(config);
    const { roster } = entry;
    roster.configure(config);
    const { backends } = config;
    if (backends.type === 'dns' && isDeepStrictEqual(entry.discovery?.config, backends)) return;
    entry.discovery?.stop();
    entry.discovery = undefined;
    if (backends.type === 'static') {
      roster.list(backends.backends.map((backend) => ({ ...backend, serverName: undefined })));
      return;
    }
    // Until it has its first answer, the members of before stay.
    const discovery = new Discovery(backends, {
      resolver: this.#resolver,
      random: this.#deps.random,
      log: this.#deps.log.child({ pool: config.name }),
      onListed: (listed) => this.#onListed(roster, listed),
    });
    entry.discovery = discovery;
    if (this.#phase === 'running') void discovery.start();
  }

  #addPool(config: PoolConfig): Entry {
    const onState = (id: string, from: Member | undefined, to: Member | undefined): void =>
      this.#onState(config.name, id, from, to);
    const entry = { roster: new Roster(config, { now: this.#deps.now, onState }), discovery: undefined };
    this.#pools.set(config.name, entry);
    return entry;
  }

  #onListed(roster: Roster, listed: readonly ListedBackend[]): void {
    const known = [...roster.members.values()].map((member) => member.listed);
    if (isDeepStrictEqual(known, listed)) return;
    roster.list(listed);
    this.#changed();
    this.#planChecks();
  }

  #onCheck(key: string, result: CheckResult): void {
    for (const { roster, id } of this.#plan.concerned.get(key) ?? []) {
      const member = roster.members.get(id);
      const { health } = roster.config;
      if (member === undefined || health === undefined) continue;
      roster.change(id, { health: recordCheck(member.health, result, health, this.#deps.now()) });
    }
  }

  #onState(pool: string, backendId: string, from: Member | undefined, to: Member | undefined): void {
    const fields = { pool, backendId, from: from?.state, to: to?.state, why: to?.why };
    if (from !== undefined && to !== undefined) this.#deps.log.info(fields, 'backend state changed');
    // The first list of all is in the configuration already.
    else if (this.#phase === 'running')
      this.#deps.log.info(fields, to === undefined ? 'backend left' : 'backend joined');
    this.#changed();
  }

  /** Tells once per turn of the event loop, however much happens in it. */
  #changed(): void {
    if (this.#phase !== 'running' || this.#notice !== undefined) return;
    this.#notice = setImmediate(() => {
      this.#notice = undefined;
      try {
        this.onChange?.(this.snapshot());
      } catch (error) {
        this.#deps.log.error({ err: error }, 'change of backends could not be told');
      }
    });
  }

  #planChecks(): void {
    if (this.#phase !== 'running') return;
    this.#plan = planChecks([...this.#pools.values()].map(({ roster }) => roster));
    this.#checker.setJobs(this.#plan.jobs);
  }

  /** One timer for the ejection that ends next. */
  #armEjectionTimer(): void {
    clearTimeout(this.#ejectionTimer);
    if (this.#phase === 'stopped') return;
    const members = [...this.#pools.values()].flatMap(({ roster }) => [...roster.members.values()]);
    const ends = members.flatMap(({ outlier }) => (outlier.name === 'ejected' ? [outlier.until] : []));
    if (ends.length === 0) return;
    const delayMs = ends.reduce((first, end) => Math.min(first, end)) - this.#deps.now();
    this.#ejectionTimer = setTimeout(() => this.#releaseEjected(), Math.min(Math.max(0, delayMs), MAX_TIMER_MS));
  }

  #releaseEjected(): void {
    for (const { roster } of this.#pools.values()) {
      for (const [id, { outlier }] of roster.members) {
        const released = releaseIfDue(outlier, this.#deps.now());
        if (released !== outlier) roster.change(id, { outlier: released });
      }
    }
    this.#armEjectionTimer();
  }
}

function unknown(what: string, got: string, known: Iterable<string>): string {
  const names = [...new Set(known)];
  const more = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : '';
  return `expected a known ${what} (${names.slice(0, MAX_NAMED).join(', ')}${more}), got ${JSON.stringify(got)}`;
}
