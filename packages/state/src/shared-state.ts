/**
 * SharedState: what the workers of one machine, or of many, know together. Two engines, one contract
 * (contract.ts): `embedded` lives in the supervisor and needs no server; `redis` is how several machines share.
 * One property per concern: a new concern is a new property, never more methods on an old one.
 *
 * Rules that every engine keeps:
 * - Every entry has a time to live. Nothing is written per message of a session; a publish to a topic is one write.
 * - A call is one round trip, and it settles within the engine's command timeout: with a value, or rejected
 *   with a StateError whose `retryable` says whether the same call can succeed later. It never hangs, and it never
 *   throws synchronously.
 * - What comes back is what somebody wrote, not what is true: callers check that the backend still exists.
 */
import type { LeaseStore } from './lease-store.js';
import type { PresenceStore } from './presence-store.js';
import type { SessionStore } from './session-store.js';
import type { TopicBus } from './topic-bus.js';
import type { TopicStore } from './topic-store.js';

export interface SharedState {
  readonly affinity: AffinityStore;
  readonly sessions: SessionStore;
  readonly leases: LeaseStore;
  readonly topics: TopicStore;
  /** Its subscriptions are no calls: they wait for the engine, and are not reported by `onCall`. */
  readonly bus: TopicBus;
  readonly presence: PresenceStore;
  readonly health: StateHealth;
  /**
   * Calls answered, by operation (`affinity.claim`) and outcome, for metrics; called with the time that the answer
   * took. `error` means that the engine did not answer, also where a fallback then did.
   */
  onCall: OnCall | undefined;
  /** Called when `health.status` changes, and only then. Never called after `close`. */
  onHealthChange?: OnHealthChange | undefined;
  /** Lets go of connections and timers; every call from then on is refused with STATE_CLOSED. May be called twice. */
  close(): Promise<void>;
}

export type OnCall = (operation: string, outcome: 'ok' | 'error', tookMs: number) => void;
export type OnHealthChange = (health: StateHealth) => void;

/** Which backend a key of a client (a sid, a room, an address) belongs to, per pool. */
export interface AffinityStore {
  /** The backend of the key, or undefined when nobody claimed it or the claim ran out. Does not extend its life. */
  lookup(pool: string, key: string): Promise<string | undefined>;
  /**
   * Binds the key to `backendId` unless it is bound already; answers the backend that it is bound to after the
   * call. Atomic: of two workers that claim at once, both learn the same winner. The entry then lives `ttlMs` from now.
   */
  claim(pool: string, key: string, backendId: string, ttlMs: number): Promise<string>;
  /**
   * Rebinds the key from `expected` to `backendId` (the old one is gone). If somebody else rebound it first,
   * nothing changes and the answer is their choice; an unbound key is bound. Atomic, like `claim`.
   */
  replace(pool: string, key: string, expected: string, backendId: string, ttlMs: number): Promise<string>;
}

export interface StateHealth {
  readonly status: 'ok' | 'degraded';
  /** For people, when degraded: who, what, expected, got. */
  readonly detail: string | undefined;
}

/** Where the state reports what a person may want to know; pino's loggers fit. */
export interface StateLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** Longest key that an engine takes, in UTF-8 bytes: longer ones are refused with STATE_KEY_TOO_LONG. */
export const MAX_KEY_BYTES = 512;
/** Longest pool name, in UTF-8 bytes. */
export const MAX_POOL_BYTES = 256;
/** Longest backend id, in UTF-8 bytes: it is a stored value, and a longer one that is read back is not ours. */
export const MAX_BACKEND_ID_BYTES = 512;
/** Longest life of an entry: a year and a day. Beyond it somebody mistook the unit. */
export const MAX_TTL_MS: number = 366 * 24 * 3600 * 1000;
