/**
 * The Redis engine: affinity kept in a server that many machines share. Each call is one command on the worker's one
 * connection; when that is not usable the call fails at once rather than wait in a queue for a server that may be gone.
 * Start never waits for Redis: until it is reached, calls fail with STATE_UNAVAILABLE and the health says why.
 */
import { checkAffinityKey, checkBackendId, checkTtlMs } from '../arguments.js';
import { CallGate } from '../call-gate.js';
import { StateError } from '../errors.js';
import type { AffinityStore, OnCall, OnHealthChange, SharedState, StateHealth, StateLog } from '../shared-state.js';
import { parseRedisUrl } from './address.js';
import { affinityKey, checkPrefix } from './keys.js';
import { RedisLink } from './link.js';
import { classifyRedisError, toStateError } from './reply-error.js';
import type { RedisConnection } from './scripts.js';

export interface RedisStateOptions {
  /** redis://[user:password@]host[:port][/db], or rediss:// for TLS. */
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

type ClaimArgs = Parameters<AffinityStore['claim']>;
type ReplaceArgs = Parameters<AffinityStore['replace']>;

class RedisState implements SharedState {
  onCall: OnCall | undefined;
  onHealthChange: OnHealthChange | undefined;
  readonly affinity: AffinityStore;
  readonly #prefix: string;
  readonly #timeoutMs: number;
  readonly #link: RedisLink;
  readonly #gate: CallGate;

  constructor(options: RedisStateOptions) {
    this.#prefix = checkPrefix(options.prefix);
    this.#timeoutMs = checkTimeout(options.commandTimeoutMs);
    this.#link = new RedisLink({
      address: parseRedisUrl(options.url),
      prefix: this.#prefix,
      commandTimeoutMs: this.#timeoutMs,
      random: options.random ?? Math.random,
      log: options.log,
      onHealthChange: (health) => this.onHealthChange?.(health),
    });
    this.#gate = new CallGate({
      who: this.#link.who,
      toStateError: (error, operation) => this.#onCommandError(error, operation),
      onCall: () => this.onCall,
    });
    this.affinity = {
      lookup: (pool, key) => this.#gate.run('affinity.lookup', () => this.#lookup(pool, key)),
      claim: (...args) => this.#gate.run('affinity.claim', () => this.#claim(args)),
      replace: (...args) => this.#gate.run('affinity.replace', () => this.#replace(args)),
    };
  }

  get health(): StateHealth {
    return this.#link.health;
  }

  async close(): Promise<void> {
    if (this.#gate.isClosed) return;
    this.#gate.close();
    this.#link.close();
  }

  async #lookup(pool: string, key: string): Promise<string | undefined> {
    const redisKey = affinityKey(this.#prefix, checkAffinityKey(pool, key));
    const reply = await this.#connection().get(redisKey);
    return reply === null ? undefined : readBackendId(reply, redisKey);
  }

  async #claim([pool, key, backendId, ttlMs]: ClaimArgs): Promise<string> {
    const redisKey = affinityKey(this.#prefix, checkAffinityKey(pool, key));
    checkBackendId(backendId);
    checkTtlMs(ttlMs);
    return readBackendId(await this.#connection().affinityClaim(redisKey, backendId, ttlMs), redisKey);
  }

  async #replace([pool, key, expected, backendId, ttlMs]: ReplaceArgs): Promise<string> {
    const redisKey = affinityKey(this.#prefix, checkAffinityKey(pool, key));
    checkBackendId(expected, 'expected backend id');
    checkBackendId(backendId);
    checkTtlMs(ttlMs);
    const reply = await this.#connection().affinityReplace(redisKey, expected, backendId, ttlMs);
    return readBackendId(reply, redisKey);
  }

  #connection(): RedisConnection {
    const connection = this.#link.usable;
    if (connection !== undefined) return connection;
    throw new StateError(
      'STATE_UNAVAILABLE',
      this.health.detail ?? `${this.#link.who}: the connection is being set up`,
    );
  }

  #onCommandError(error: unknown, operation: string): StateError {
    this.#link.onCommandError(error);
    return toStateError(classifyRedisError(error), { operation, who: this.#link.who, timeoutMs: this.#timeoutMs });
  }
}

function checkTimeout(timeoutMs: number): number {
  if (Number.isInteger(timeoutMs) && timeoutMs >= 1 && timeoutMs <= MAX_COMMAND_TIMEOUT_MS) return timeoutMs;
  const expected = `an integer from 1 to ${MAX_COMMAND_TIMEOUT_MS}`;
  throw new StateError('STATE_CONFIG', `commandTimeoutMs: expected ${expected}, got ${String(timeoutMs)}`);
}

function readBackendId(reply: unknown, redisKey: string): string {
  try {
    return checkBackendId(reply, 'stored value');
  } catch (error) {
    const advice = `another program wrote it: delete the key ${redisKey} or choose another prefix`;
    throw new StateError('STATE_INVALID_VALUE', `${(error as StateError).message}; ${advice}`, { cause: error });
  }
}
