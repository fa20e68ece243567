/**
 * All trunks of a worker: one link per backend of each session pool, whatever its health (a trunk that answers is the better
 * judge), unless an operator has taken it out. One timer for the heartbeats of all.
 */
import type { Drain } from '@holdfast/protocol';
import type { Backend } from '../pool/backend.js';
import type { Pool } from '../pool/pool.js';
import { Link, type LinkListener, type LinkLog } from './link.js';
import type { DialTrunk } from './transport.js';
import { TrunkClock } from './trunk-clock.js';

export interface TrunksOptions {
  readonly dial: DialTrunk;
  /** Incarnation of this worker. */
  readonly worker: string;
  readonly newNonce: () => string;
  readonly random: () => number;
  readonly listener: LinkListener;
  readonly log: LinkLog;
}

/** What a reload may change. */
export interface TrunkSettings {
  readonly secrets: readonly string[];
  /** Largest message that a client may send, over all routes. */
  readonly maxMessageBytes: number;
}

const TICK_MS = 500;

interface Waiter {
  /** Settles it when there is what it waits for. */
  readonly look: () => boolean;
  readonly giveUp: () => void;
  readonly deadlineMs: number;
}

export class Trunks {
  readonly #options: TrunksOptions;
  readonly #links = new Map<Backend, Link>();
  /** Backends that left, whose sessions are leaving. */
  readonly #leaving = new Set<Link>();
  readonly #waiters = new Set<Waiter>();
  readonly #clock = new TrunkClock(() => {
    for (const { trunk } of this.#everyone()) trunk?.cut('paused', 'expected this process to run, it was paused');
  });
  readonly #timer: NodeJS.Timeout;
  #settings: TrunkSettings;

  constructor(options: TrunksOptions, settings: TrunkSettings) {
    this.#options = options;
    this.#settings = settings;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  /** Follows the pools: called whenever they, or the configuration, changed. */
  update(pools: Iterable<Pool>, settings: TrunkSettings = this.#settings): void {
    this.#settings = settings;
    const wanted = new Set<Backend>();
    for (const pool of pools) {
      if (pool.config.session === undefined) continue;
      for (const backend of pool.members) {
        if (backend.state === 'maintenance') continue;
        wanted.add(backend);
        if (!this.#links.has(backend)) this.#links.set(backend, this.#newLink(pool, backend));
      }
    }
    for (const [backend, link] of this.#links) {
      if (wanted.has(backend)) continue;
      this.#links.delete(backend);
      this.#leaving.add(link);
      link.leave();
    }
  }

  linkOf(backend: Backend): Link | undefined {
    return this.#links.get(backend);
  }

  /** Those of a pool that take new sessions. */
  readyOf(pool: Pool): readonly Link[] {
    return [...this.#links.values()].filter((link) => link.pool === pool && link.readyTrunk !== undefined);
  }

  get all(): Iterable<Link> {
    return this.#links.values();
  }

  /** What `look` finds, as soon as a link has changed so that it does; undefined after about `ms`. */
  waitFor<T>(look: () => T | undefined, ms: number): Promise<T | undefined> {
    const found = look();
    if (found !== undefined || ms === 0) return Promise.resolve(found);
    return new Promise((resolve) => {
      const lookAgain = (): boolean => {
        const value = look();
        if (value !== undefined) resolve(value);
        return value !== undefined;
      };
      const deadlineMs = performance.now() + ms;
      this.#waiters.add({ look: lookAgain, giveUp: () => resolve(undefined), deadlineMs });
    });
  }

  announceDrain(drain: Drain): void {
    for (const link of this.#links.values()) link.announceDrain(drain);
  }

  close(): void {
    clearInterval(this.#timer);
    for (const link of this.#everyone()) link.close();
    this.#links.clear();
    this.#leaving.clear();
    for (const { giveUp } of this.#waiters) giveUp();
    this.#waiters.clear();
  }

  #newLink(pool: Pool, backend: Backend): Link {
    const { dial, worker, newNonce, random, listener, log } = this.#options;
    const trunkOptions = () => ({ ...this.#settings, worker, clock: this.#clock, newNonce });
    return new Link({ pool, backend, dial, trunkOptions, random, listener, log, onChange: () => this.#onChange() });
  }

  #onChange(): void {
    for (const waiter of this.#waiters) if (waiter.look()) this.#waiters.delete(waiter);
  }

  #everyone(): readonly Link[] {
    return [...this.#links.values(), ...this.#leaving];
  }

  #tick(): void {
    const nowMs = performance.now();
    this.#clock.tick(nowMs);
    for (const link of this.#everyone()) link.tick(nowMs);
    for (const link of this.#leaving) if (link.isOver) this.#leaving.delete(link);
    for (const waiter of this.#waiters) {
      if (nowMs < waiter.deadlineMs) continue;
      this.#waiters.delete(waiter);
      waiter.giveUp();
    }
  }
}
