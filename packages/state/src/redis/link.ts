/**
 * RedisLink: the one connection that a worker keeps to Redis, and the only file that drives ioredis. ioredis redials;
 * this adds what it leaves out: a probe every second, so that a server that accepts and never answers is noticed, the
 * connection to it torn down and dialled again; and a way out of ioredis' `end`, where it would stay for ever.
 * Redialling by ourselves, with a fresh client each time, was rejected: the client's own loop is the well-tested one.
 */
import { randomUUID } from 'node:crypto';
import { Redis, type RedisOptions } from 'ioredis';
import type { StateHealth, StateLog } from '../shared-state.js';
import type { RedisAddress } from './address.js';
import { PROBE_TTL_MS, probeKey } from './keys.js';
import {
  healthOf,
  INITIAL_LINK_STATE,
  needsWriteProbe,
  nextLinkState,
  type LinkEvent,
  type LinkState,
} from './link-state.js';
import { redialDelayMs } from './redial.js';
import { classifyRedisError, linkEventOf } from './reply-error.js';
import { SCRIPTS, type RedisConnection } from './scripts.js';

export interface RedisLinkOptions {
  readonly address: RedisAddress;
  readonly prefix: string;
  readonly commandTimeoutMs: number;
  readonly random: () => number;
  readonly log: StateLog | undefined;
  readonly onHealthChange: (health: StateHealth) => void;
}

const PROBE_INTERVAL_MS = 1000;
/** How long a connection that we give up may take to say goodbye before it is destroyed. */
const DISCONNECT_TIMEOUT_MS = 100;
/** A dial gets more time than a command (names, TLS, distance), but never so much that healing takes long. */
const MIN_CONNECT_TIMEOUT_MS = 1000;
const MAX_CONNECT_TIMEOUT_MS = 2000;
/** How often a server that is loading its data is asked whether it is done. */
const LOADING_RETRY_MS = 500;
const KEEP_ALIVE_MS = 10_000;
/** How ioredis words the refusal of a command that it cannot send; there is no code for it. */
const NOT_WRITABLE = "Stream isn't writeable";

export class RedisLink {
  readonly who: string;
  readonly #options: RedisLinkOptions;
  readonly #redis: RedisConnection;
  readonly #probeKey: string;
  #state: LinkState = INITIAL_LINK_STATE;
  #probeTimer: NodeJS.Timeout | undefined;
  #redialTimer: NodeJS.Timeout | undefined;
  #redials = 0;
  #logged: StateHealth['status'] | undefined;

  constructor(options: RedisLinkOptions) {
    this.#options = options;
    this.who = `Redis at ${options.address.label}`;
    this.#probeKey = probeKey(options.prefix, randomUUID());
    this.#redis = new Redis(clientOptions(options, () => this.#nextRedialMs())) as RedisConnection;
    this.#listen();
    this.#dial();
  }

  get health(): StateHealth {
    return healthOf(this.#state, this.who);
  }

  /** The connection, or undefined when a command could not be sent on it at once. */
  get usable(): RedisConnection | undefined {
    return this.#state.name !== 'closed' && this.#redis.status === 'ready' ? this.#redis : undefined;
  }

  /** A command failed: its error may tell something about the link. */
  onCommandError(error: unknown): void {
    const event = linkEventOf(classifyRedisError(error), this.#options.commandTimeoutMs);
    if (event !== undefined) this.#apply(event);
  }

  close(): void {
    this.#apply({ type: 'closed' });
    clearTimeout(this.#probeTimer);
    clearTimeout(this.#redialTimer);
    this.#redis.disconnect();
  }

  #listen(): void {
    this.#redis.on('ready', () => this.#onConnected());
    this.#redis.on('close', () => this.#onLost());
    this.#redis.on('end', () => this.#onEnd());
    this.#redis.on('error', (error: Error) => this.#onError(error));
  }

  #dial(): void {
    // Failures arrive as events too, and are handled there.
    this.#redis.connect().catch(() => undefined);
  }

  #onError(error: Error): void {
    // What follows from a connection that is being given up already: the reason for that is the one to keep.
    if (error.message.startsWith(NOT_WRITABLE)) return;
    this.#apply({ type: 'failed', reason: reasonOf(error) });
    // ioredis goes on when only the SELECT of its handshake is refused, and would then write to database 0.
    if (classifyRedisError(error).kind === 'reply') this.#redis.disconnect(true);
  }

  #onConnected(): void {
    this.#apply({ type: 'connected' });
    this.#scheduleProbe(0);
  }

  #onLost(): void {
    clearTimeout(this.#probeTimer);
    this.#apply({ type: 'lost' });
  }

  /** ioredis has given up: it does so when a dial is cut short or cannot even begin. */
  #onEnd(): void {
    if (this.#state.name === 'closed') return;
    clearTimeout(this.#redialTimer);
    this.#redialTimer = setTimeout(() => this.#dial(), this.#nextRedialMs()).unref();
  }

  /** Starts over only once a probe was answered: a server that accepts and then refuses must not be hammered. */
  #nextRedialMs(): number {
    this.#redials += 1;
    return redialDelayMs(this.#redials, this.#options.random);
  }

  #scheduleProbe(delayMs: number): void {
    clearTimeout(this.#probeTimer);
    this.#probeTimer = setTimeout(() => void this.#probe(), delayMs).unref();
  }

  async #probe(): Promise<void> {
    if (this.usable === undefined) return;
    const isWrite = needsWriteProbe(this.#state);
    try {
      await (isWrite ? this.#redis.affinityClaim(this.#probeKey, '1', PROBE_TTL_MS) : this.#redis.ping());
      this.#redials = 0;
      this.#apply({ type: 'answered', isWrite });
    } catch (error) {
      this.onCommandError(error);
      // Neither a silent server nor one that refuses may be the one that the name stands for by now: dial again.
      if (this.usable !== undefined) this.#redis.disconnect(true);
      return;
    }
    if (this.usable !== undefined) this.#scheduleProbe(PROBE_INTERVAL_MS);
  }

  #apply(event: LinkEvent): void {
    const before = this.health.status;
    this.#state = nextLinkState(this.#state, event);
    if (this.#state.name === 'closed') return;
    this.#log();
    if (this.health.status !== before) this.#options.onHealthChange(this.health);
  }

  /** Once per change, and once when the very first attempts fail; not for a connection that is still to be proven. */
  #log(): void {
    const { status, detail } = this.health;
    if (status === this.#logged || this.#state.name === 'verifying') return;
    this.#logged = status;
    const { log, address } = this.#options;
    if (status === 'ok') log?.info({ redis: address.label }, 'shared state ready');
    else log?.warn({ redis: address.label, detail }, 'shared state degraded');
  }
}

/** Spelled out, because with exact optional types ioredis' constructor refuses a mapping that may be undefined. */
type ClientOptions = RedisOptions & { replyMapping: 'legacy' };

function clientOptions({ address, commandTimeoutMs }: RedisLinkOptions, nextRedialMs: () => number): ClientOptions {
  const connectTimeout = Math.min(MAX_CONNECT_TIMEOUT_MS, Math.max(MIN_CONNECT_TIMEOUT_MS, commandTimeoutMs));
  return {
    host: address.host,
    port: address.port,
    db: address.db,
    ...(address.username !== undefined && { username: address.username }),
    ...(address.password !== undefined && { password: address.password }),
    ...(address.isTls && { tls: {} }),
    replyMapping: 'legacy',
    connectionName: 'holdfast',
    disableClientInfo: true,
    scripts: SCRIPTS,
    lazyConnect: true,
    commandTimeout: commandTimeoutMs,
    connectTimeout,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    keepAlive: KEEP_ALIVE_MS,
    maxLoadingRetryTime: LOADING_RETRY_MS,
    retryStrategy: nextRedialMs,
    // A command that cannot be sent now fails now, and what was sent when the connection broke is not sent again:
    // the caller has gone on without the answer, and a late claim would be about a world that has changed.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
  };
}

function reasonOf(error: Error): string {
  const failure = classifyRedisError(error);
  if (failure.kind === 'timeout') return 'connected, but the handshake was not answered in time';
  if (failure.kind === 'reply')
    return `the server refused the connection: ${failure.reply}; check user, password and database`;
  // A dial that tried several addresses fails with an AggregateError, which has a code but no message.
  return failure.message === '' ? ((error as NodeJS.ErrnoException).code ?? 'connection failed') : failure.message;
}
