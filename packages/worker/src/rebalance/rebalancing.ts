/**
 * After a balancer or a backend was added: moves sessions from where there are more than their share, a few at a time, until the
 * fullest has 1.1 times the mean. To another balancer a client goes by itself (goaway: its new connection stands before the old
 * one goes); to another backend its session is handed over, and the client stays. Each worker acts for itself, by the same
 * numbers: those of the leases, and those that backends report. Both are some seconds old, so a look moves no more than half of
 * what is too much, and waits for those who were told before.
 *
 * Drawing a plan for the whole fleet in one place was rejected: somebody would have to be that place.
 */
import { encodeGoAway } from '@holdfast/protocol';
import type { RebalanceConfig } from '../config-capacity.js';
import type { Backend } from '../pool/backend.js';
import type { Pool } from '../pool/pool.js';
import type { Session } from '../session/session.js';
import type { WorkerInfo } from '../session/pacing.js';
import type { Link } from '../trunk/link.js';
import { balancerExcess, excessOf, hasRoom } from './excess.js';
import { IdleFirst } from './idle-first.js';

export interface RebalancingDeps {
  readonly balancer: string;
  readonly config: () => RebalanceConfig;
  readonly sessions: ReadonlySet<Session>;
  /** As of the last renewal. */
  readonly workers: () => readonly WorkerInfo[];
  readonly links: () => Iterable<Link>;
  /** Hands these over, to none of `avoid` if there is another. */
  readonly handOver: (link: Link, sessions: readonly Session[], avoid: ReadonlySet<Backend>) => void;
  readonly onMoved: (cause: 'balancer' | 'backend', sessions: number) => void;
  /** This worker leaves, or is under pressure. */
  readonly isHeld: () => boolean;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** How often `look` is called. */
const LOOK_EVERY_MS = 2000;
/** Of what is too much, at one look. */
const SHARE_AT_ONCE = 0.5;
/** Whoever was told to go and is still here by then does not go. */
const LEAVE_WITHIN_MS = 15_000;

export class Rebalancing {
  readonly #deps: RebalancingDeps;
  readonly #toBalancers = new IdleFirst();
  readonly #toBackends = new IdleFirst();
  /** Told to go, and when. */
  readonly #told = new Map<Session, number>();

  constructor(deps: RebalancingDeps) {
    this.#deps = deps;
  }

  /** Called every few seconds, when the leases were renewed. */
  look(nowMs: number): void {
    const { config, isHeld } = this.#deps;
    const { balancers, backends } = config();
    if (balancers && !isHeld()) this.#leave(nowMs);
    else this.#toBalancers.forget();
    if (backends && !isHeld()) this.#spread(nowMs);
    else this.#toBackends.forget();
  }

  #leave(nowMs: number): void {
    const { balancer, sessions, workers, onMoved, random } = this.#deps;
    for (const [session, sinceMs] of this.#told) {
      if (session.isOver || nowMs - sinceMs >= LEAVE_WITHIN_MS) this.#told.delete(session);
    }
    const excess = balancerExcess(balancer, sessions.size, workers()) - this.#told.size;
    const count = this.#atOnce(excess);
    if (excess <= 0) return this.#toBalancers.forget();
    const movable = this.#toBalancers.look(sessions, nowMs).filter((it) => !it.isPlain && !this.#told.has(it));
    const leaving = movable.slice(0, count);
    for (const session of leaving) {
      this.#told.set(session, nowMs);
      const delayMs = Math.round(random() * LOOK_EVERY_MS);
      session.send(encodeGoAway({ deadlineMs: LEAVE_WITHIN_MS, delayMs, reason: 'rebalancing' }));
    }
    if (leaving.length > 0) onMoved('balancer', leaving.length);
  }

  #spread(nowMs: number): void {
    const crowded = [...this.#byPool().values()].flatMap((links) => crowdedOf(links));
    if (crowded.length === 0) return this.#toBackends.forget();
    const idle = this.#toBackends.look(this.#deps.sessions, nowMs);
    for (const { link, excess, avoid } of crowded) {
      const leaving = idle.filter((it) => it.link === link).slice(0, this.#atOnce(excess));
      if (leaving.length === 0) continue;
      this.#deps.handOver(link, leaving, avoid);
      this.#deps.onMoved('backend', leaving.length);
    }
  }

  /** Pools whose sessions may be anywhere: by a hash of their client each has its place, and is to stay there. */
  #byPool(): Map<Pool, Link[]> {
    const pools = new Map<Pool, Link[]>();
    for (const link of this.#deps.links()) {
      const { config } = link.pool;
      const isHashing = config.balance === 'source-hash' || config.balance === 'consistent-hash';
      if (isHashing || config.session?.onBackendLoss === 'close' || link.readyTrunk === undefined) continue;
      if (link.backend.state !== 'ready') continue;
      pools.set(link.pool, [...(pools.get(link.pool) ?? []), link]);
    }
    return pools;
  }

  /** Parts of one are left to chance: many workers with little each would else never move any. */
  #atOnce(excess: number): number {
    const { config, random } = this.#deps;
    const wanted = Math.max(0, excess) * SHARE_AT_ONCE;
    const whole = Math.floor(wanted) + (random() < wanted % 1 ? 1 : 0);
    return Math.min(whole, (config().perSecond * LOOK_EVERY_MS) / 1000);
  }
}

interface Crowded {
  readonly link: Link;
  /** This worker's part of it. */
  readonly excess: number;
  readonly avoid: ReadonlySet<Backend>;
}

/** @param links of one pool. */
function crowdedOf(links: readonly Link[]): readonly Crowded[] {
  const nowMs = Date.now();
  const all = links.map((link) => ({ link, load: link.backend.load, weight: link.backend.share(nowMs) }));
  const avoid = new Set(all.filter((one) => !hasRoom(one, all)).map(({ link }) => link.backend));
  return all.flatMap((one) => {
    const { link, load } = one;
    const excess = load > 0 ? excessOf(one, all) * Math.min(1, link.backend.active / load) : 0;
    return excess > 0 ? [{ link, excess, avoid }] : [];
  });
}
