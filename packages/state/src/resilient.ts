/**
 * The state of a machine that shares a Redis with others: the primary (Redis) is asked first, and where it does not
 * answer, the fallback (this machine's embedded store) does, so that one machine goes on working with Redis gone.
 *
 * While the primary answers: its word counts. What a claim or replace settled is mirrored into the fallback without
 * waiting, so that this machine still knows it when the primary is gone.
 *
 * While it does not (a call failed, or was refused at once, as the primary does with what it cannot reach now): the
 * fallback decides. The workers of one machine still agree with each other. What was settled is remembered
 * (write-back.ts), bounded. Of a Cluster, the nodes that are well go on deciding about their keys.
 *
 * When it is back: the remembered entries are written to it as ordinary claims and replaces, so whoever wrote first
 * wins, and the fallback is corrected where that was another machine. The primary may have lost everything (a restart
 * without persistence), so for as long as the longest entry can live, a lookup that misses also asks the fallback, once,
 * and a claim offers what the fallback knows instead of the caller's new choice.
 *
 * What two machines can disagree on while Redis is gone: a key that is bound for the first time, that only the other
 * machine knew, or that is rebound, can get one backend here and another there. After healing both answer with the same
 * one; connections that were made meanwhile stay where they are. An entry's life may end early by up to the outage, as
 * claims of one machine do not extend the other's.
 *
 * A call settles within the timeouts of both engines together; only the first ones of an outage wait for the primary's.
 *
 * Sessions and leases have no fallback: a generation that only one machine has counted fences nobody, and a tail that only
 * one machine has is not found by the others. While the primary is gone their calls are rejected at once with
 * STATE_UNAVAILABLE, and the worker goes by what the client's signed token says. Topics and their members have none either: a
 * topic that only one machine knows would be half a truth. Publishing is refused, subscriptions wait.
 *
 * Rejected: asking both and comparing (doubles the cost of the normal case for a rare one), and refusing calls while the
 * primary is gone (a machine that can serve its clients should).
 */
import { CallGate } from './call-gate.js';
import { isEngineFailure, StateError } from './errors.js';
import type { LeaseStore } from './lease-store.js';
import type { PresenceStore } from './presence-store.js';
import type { SessionStore } from './session-store.js';
import type { AffinityStore, OnCall, OnHealthChange, SharedState, StateHealth, StateLog } from './shared-state.js';
import type { TopicBus } from './topic-bus.js';
import type { TopicStore } from './topic-store.js';
import { WriteBack, type SettledEntry, type WriteBackStats } from './write-back.js';

export interface ResilientStateOptions {
  /** Entries of an outage that are remembered for the primary; one more drops the oldest. @default 10_000 */
  readonly maxRemembered?: number;
  readonly log?: StateLog | undefined;
}

export interface ResilientState extends SharedState {
  readonly outage: WriteBackStats;
}

const DEFAULT_MAX_REMEMBERED = 10_000;

/** The state owns both engines from then on: closing it closes them. */
export function createResilientState(
  primary: SharedState,
  fallback: SharedState,
  options: ResilientStateOptions = {},
): ResilientState {
  return new Resilient(primary, fallback, options);
}

type ClaimArgs = Parameters<AffinityStore['claim']>;
type ReplaceArgs = Parameters<AffinityStore['replace']>;

class Resilient implements ResilientState {
  onCall: OnCall | undefined;
  onHealthChange: OnHealthChange | undefined;
  readonly affinity: AffinityStore;
  /** No fallback: see above. The primary refuses at once while it is degraded, and reports its calls itself. */
  readonly sessions: SessionStore;
  readonly leases: LeaseStore;
  readonly topics: TopicStore;
  readonly bus: TopicBus;
  readonly presence: PresenceStore;
  readonly #primary: SharedState;
  readonly #fallback: SharedState;
  readonly #gate: CallGate;
  readonly #writeBack: WriteBack;
  /** The longest life that was asked for: so long after healing, the fallback may know what the primary has lost. */
  #longestTtlMs = 0;
  #healedAt = Number.NEGATIVE_INFINITY;
  /** Since the last healing, the fallback has decided something or the primary was not well. */
  #hadOutage = false;

  constructor(primary: SharedState, fallback: SharedState, options: ResilientStateOptions) {
    this.#primary = primary;
    this.#fallback = fallback;
    const maxRemembered = options.maxRemembered ?? DEFAULT_MAX_REMEMBERED;
    this.#writeBack = new WriteBack({ primary, fallback: fallback.affinity, maxRemembered, log: options.log });
    this.#gate = new CallGate({ who: 'the shared state', toStateError: unexpected, onCall: () => undefined });
    primary.onHealthChange = (health) => this.#onPrimaryHealth(health);
    // The primary's own answers are what metrics want to see, refusals included.
    primary.onCall = (operation, outcome, tookMs) => this.onCall?.(operation, outcome, tookMs);
    this.sessions = primary.sessions;
    this.leases = primary.leases;
    this.topics = primary.topics;
    this.bus = primary.bus;
    this.presence = primary.presence;
    this.affinity = {
      lookup: (pool, key) => this.#gate.run('affinity.lookup', () => this.#lookup(pool, key)),
      claim: (...args) => this.#gate.run('affinity.claim', () => this.#claim(args)),
      replace: (...args) => this.#gate.run('affinity.replace', () => this.#replace(args)),
    };
  }

  get health(): StateHealth {
    return this.#primary.health;
  }

  get outage(): WriteBackStats {
    return this.#writeBack.stats;
  }

  async close(): Promise<void> {
    this.#gate.close();
    this.#writeBack.close();
    await Promise.all([this.#primary.close(), this.#fallback.close()]);
  }

  #lookup(pool: string, key: string): Promise<string | undefined> {
    const { affinity } = this.#fallback;
    return this.#withFallback({
      primary: async () => {
        const bound = await this.#primary.affinity.lookup(pool, key);
        return bound === undefined && this.#mayHaveLost() ? await this.#known(pool, key) : bound;
      },
      fallback: () => affinity.lookup(pool, key),
    });
  }

  #claim([pool, key, backendId, ttlMs]: ClaimArgs): Promise<string> {
    return this.#withFallback({
      primary: async () => {
        const known = this.#mayHaveLost() ? await this.#known(pool, key) : undefined;
        const bound = await this.#primary.affinity.claim(pool, key, known ?? backendId, ttlMs);
        this.#onSettled({ pool, key, backendId: bound, ttlMs });
        return bound;
      },
      fallback: async () => {
        const bound = await this.#fallback.affinity.claim(pool, key, backendId, ttlMs);
        this.#onDecidedHere({ pool, key, backendId: bound, ttlMs }, undefined);
        return bound;
      },
    });
  }

  #replace([pool, key, expected, backendId, ttlMs]: ReplaceArgs): Promise<string> {
    return this.#withFallback({
      primary: async () => {
        const bound = await this.#primary.affinity.replace(pool, key, expected, backendId, ttlMs);
        this.#onSettled({ pool, key, backendId: bound, ttlMs });
        return bound;
      },
      fallback: async () => {
        const bound = await this.#fallback.affinity.replace(pool, key, expected, backendId, ttlMs);
        this.#onDecidedHere({ pool, key, backendId: bound, ttlMs }, expected);
        return bound;
      },
    });
  }

  /** A caller's mistake is not retried: the fallback would say the same. */
  async #withFallback<T>(ways: { primary: () => Promise<T>; fallback: () => Promise<T> }): Promise<T> {
    try {
      return await ways.primary();
    } catch (error) {
      if (!isEngineFailure(error) || this.#gate.isClosed) throw error;
      return await ways.fallback();
    }
  }

  #onSettled(entry: SettledEntry): void {
    this.#longestTtlMs = Math.max(this.#longestTtlMs, entry.ttlMs);
    this.#writeBack.mirror(entry);
  }

  #onDecidedHere(entry: SettledEntry, expected: string | undefined): void {
    this.#longestTtlMs = Math.max(this.#longestTtlMs, entry.ttlMs);
    this.#hadOutage = true;
    this.#writeBack.remember(entry, expected);
  }

  #mayHaveLost(): boolean {
    return performance.now() - this.#healedAt < this.#longestTtlMs;
  }

  /** What this machine knows; its silence is no reason to fail a call that the primary can answer. */
  async #known(pool: string, key: string): Promise<string | undefined> {
    try {
      return await this.#fallback.affinity.lookup(pool, key);
    } catch (error) {
      if (!isEngineFailure(error)) throw error;
      return undefined;
    }
  }

  #onPrimaryHealth(health: StateHealth): void {
    if (this.#gate.isClosed) return;
    if (health.status === 'ok') this.#onHealed();
    else this.#hadOutage = true;
    this.onHealthChange?.(health);
  }

  /** The first connection of a worker heals nothing, unless calls came before it. */
  #onHealed(): void {
    if (this.#hadOutage) this.#healedAt = performance.now();
    this.#hadOutage = false;
    this.#writeBack.start();
  }
}

function unexpected(error: unknown, operation: string): StateError {
  const got = error instanceof Error ? error.message : String(error);
  return new StateError('STATE_UNAVAILABLE', `${operation}: expected an answer of the state, got: ${got}`, {
    cause: error,
  });
}
