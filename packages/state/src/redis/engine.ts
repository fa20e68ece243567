/**
 * The Redis engine: what many machines share, kept in one server or a Cluster of them. Each call is one command on the
 * worker's one connection to the node that has its key; when that is not usable the call fails at once rather than wait in
 * a queue for a server that may be gone. What is published to topics comes over connections of their own (bus.ts).
 * Start never waits for Redis: until it is reached, calls fail with STATE_UNAVAILABLE and the health says why.
 */
import { CallGate } from '../call-gate.js';
import { StateError } from '../errors.js';
import type { LeaseStore } from '../lease-store.js';
import type { PresenceStore } from '../presence-store.js';
import type { SessionStore } from '../session-store.js';
import type { AffinityStore, OnCall, OnHealthChange, SharedState, StateHealth, StateLog } from '../shared-state.js';
import type { TopicBus } from '../topic-bus.js';
import type { TopicStore } from '../topic-store.js';
import type { ConnectionFor, RedisAccess } from './access.js';
import { parseRedisUrl, type RedisAddress } from './address.js';
import { createRedisAffinity } from './affinity.js';
import { ClusterLink } from './cluster-link.js';
import { RedisBus } from './bus.js';
import { checkPrefix } from './keys.js';
import { createRedisLeases } from './leases.js';
import { RedisLink, type Link, type LinkOptions } from './link.js';
import { classifyRedisError, isOfServer, toStateError } from './reply-error.js';
import type { RedisConnection } from './scripts.js';
import { createRedisPresence } from './presence.js';
import { createRedisSessions } from './sessions.js';
import { createRedisTopics, type TopicAccess } from './topics.js';

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
  readonly topics: TopicStore;
  readonly presence: PresenceStore;
  readonly #bus: RedisBus;
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
    const topicAccess: TopicAccess = {
      prefix,
      run: (operation, call) => this.#gate.run(operation, () => this.#run(call, isOfServer)),
      publishCommand: this.#link.publishCommand,
      onFailure: (error, at) => this.#onFailure(error, at),
    };
    this.topics = createRedisTopics(topicAccess);
    this.presence = createRedisPresence(topicAccess);
    this.#bus = new RedisBus({ prefix, link: this.#link, random: options.random ?? Math.random, log: options.log });
  }

  get bus(): TopicBus {
    return this.#bus;
  }

  get health(): StateHealth {
    return this.#link.health;
  }

  async close(): Promise<void> {
    if (this.#gate.isClosed) return;
    this.#gate.close();
    this.#bus.close();
    this.#link.close();
  }

  /** `isNews`: whether the link is to be told of an error. */
  async #run<T>(
    call: (connectionFor: ConnectionFor) => Promise<T>,
    isNews: (error: unknown) => boolean = () => true,
  ): Promise<T> {
    let key: string | undefined;
    const connectionFor = (wanted: string): RedisConnection => {
      key = wanted;
      return this.#link.connectionFor(wanted);
    };
    try {
      return await call(connectionFor);
    } catch (error) {
      // What is a StateError was found out here, not by Redis.
      if (!(error instanceof StateError) && isNews(error)) this.#link.onCommandError(error, key);
      throw error;
    }
  }

  #onFailure(error: unknown, { operation, key }: { operation: string; key: string }): StateError {
    if (error instanceof StateError) return error;
    if (isOfServer(error)) this.#link.onCommandError(error, key);
    return this.#toStateError(error, operation);
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
