/**
 * The Redis engine: what many machines share, kept in one server or a Cluster of them. Each call is one command on the
 * worker's one connection to the node that has its key; when that is not usable the call fails at once rather than wait in
 * a queue for a server that may be gone.
 * Start never waits for Redis: until it is reached, calls fail with STATE_UNAVAILABLE and the health says why.
 */
import { CallGate } from '../call-gate.js';
import { StateError } from '../errors.js';
import type { LeaseStore } from '../lease-store.js';
import type { SessionStore } from '../session-store.js';
import type { AffinityStore, OnCall, OnHealthChange, SharedState, StateHealth, StateLog } from '../shared-state.js';
import type { ConnectionFor, RedisAccess } from './access.js';
import { parseRedisUrl, type RedisAddress } from './address.js';
import { createRedisAffinity } from './affinity.js';
import { ClusterLink } from './cluster-link.js';
import { checkPrefix } from './keys.js';
import { createRedisLeases } from './leases.js';
import { RedisLink, type Link, type LinkOptions } from './link.js';
import { classifyRedisError, toStateError } from './reply-error.js';
import type { RedisConnection } from './scripts.js';
import { createRedisSessions } from './sessions.js';

export interface RedisStateOptions {
  /** `redis://`, `redis+sentinel://` or `redis+cluster://`, `rediss` for TLS: see address.ts. */
  readonly url: string;
  /** Put before every key, so that several fleets can share one server; no braces. */
  readonly prefix: string;
  /** Milliseconds that a command waits for its answer. Healing within 5 s is promised up to 2000. */
  readonly commandTimeoutMs: number;
  readonly log?: StateLog | undefined;
  /** For the jitter of redials. @default Math.random */
  readonly random?: (() => number) | undefined;
}

const MAX_COMMAND_TIMEOUT_MS = 60_000;

/** Throws STATE_CONFIG for options that can never work; an unreachable server is not one of them. */
export function createRedisState(options: RedisStateOptions): SharedState {
  return new RedisState(options);
}

class RedisState implements SharedState {
  onCall: OnCall | undefined;
  onHealthChange: OnHealthChange | undefined;
  readonly affinity: AffinityStore;
  readonly sessions: SessionStore;
  readonly leases: LeaseStore;
  readonly #timeoutMs: number;
  readonly #link: Link;
  readonly #gate: CallGate;

  constructor(options: RedisStateOptions) {
    const prefix = checkPrefix(options.prefix);
    this.#timeoutMs = checkTimeout(options.commandTimeoutMs);
    this.#link = openLink({
      address: parseRedisUrl(options.url),
      prefix,
      commandTimeoutMs: this.#timeoutMs,
      random: options.random ?? Math.random,
      log: options.log,
      onHealthChange: (health) => this.onHealthChange?.(health),
    });
    this.#gate = new CallGate({
      who: this.#link.who,
      toStateError: (error, operation) => this.#toStateError(error, operation),
      onCall: () => this.onCall,
    });
    const access: RedisAccess = {
      prefix,
      run: (operation, call) => this.#gate.run(operation, () => this.#run(call)),
    };
    this.affinity = createRedisAffinity(access);
    this.sessions = createRedisSessions(access);
    this.leases = createRedisLeases(access);
  }

  get health(): StateHealth {
    return this.#link.health;
  }

  async close(): Promise<void> {
    if (this.#gate.isClosed) return;
    this.#gate.close();
    this.#link.close();
  }

  async #run<T>(call: (connectionFor: ConnectionFor) => Promise<T>): Promise<T> {
    let key: string | undefined;
    const connectionFor = (wanted: string): RedisConnection => {
      key = wanted;
      return this.#link.connectionFor(wanted);
    };
    try {
      return await call(connectionFor);
    } catch (error) {
      // What is a StateError was found out here, not by Redis.
      if (!(error instanceof StateError)) this.#link.onCommandError(error, key);
      throw error;
    }
  }

  #toStateError(error: unknown, operation: string): StateError {
    return toStateError(classifyRedisError(error), { operation, who: this.#link.who, timeoutMs: this.#timeoutMs });
  }
}

function openLink(options: LinkOptions<RedisAddress>): Link {
  const { address } = options;
  return address.kind === 'cluster' ? new ClusterLink({ ...options, address }) : new RedisLink({ ...options, address });
}

function checkTimeout(timeoutMs: number): number {
  if (Number.isInteger(timeoutMs) && timeoutMs >= 1 && timeoutMs <= MAX_COMMAND_TIMEOUT_MS) return timeoutMs;
  const expected = `an integer from 1 to ${MAX_COMMAND_TIMEOUT_MS}`;
  throw new StateError('STATE_CONFIG', `commandTimeoutMs: expected ${expected}, got ${String(timeoutMs)}`);
}
