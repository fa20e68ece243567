/**
 * RedisLink: the one connection that a worker keeps to a Redis server, its own or the master that Sentinels name. ioredis
 * redials; this adds what it leaves out: a probe every second, so that a server that accepts and never answers is noticed,
 * the connection to it torn down and dialled again; and a way out of ioredis' `end`, where it would stay for ever.
 * Redialling by ourselves, with a fresh client each time, was rejected: the client's own loop is the well-tested one.
 */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { StateError } from '../errors.js';
import type { StateHealth, StateLog } from '../shared-state.js';
import type { RedisAddress, SentinelAddress, SingleAddress } from './address.js';
import { singleFeedOptions, singleOptions } from './client-options.js';
import { HealthReport } from './health-report.js';
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
import { classifyRedisError, linkEventOf, reasonOfFailedDial } from './reply-error.js';
import type { RedisConnection, ScriptCommands } from './scripts.js';
import { SentinelWatch } from './sentinel-watch.js';

/** What the engine needs of a link, whether one server or a Cluster is at its end. */
export interface Link {
  readonly who: string;
  readonly health: StateHealth;
  /** Throws STATE_UNAVAILABLE unless a command for this key can be expected to be answered: nobody waits for a timeout. */
  connectionFor(key: string): RedisConnection;
  /** A command for this key failed: its error may tell something about the link. */
  onCommandError(error: unknown, key: string | undefined): void;
  /** On a Cluster what is published goes to the node of its channel only. */
  readonly publishCommand: 'PUBLISH' | 'SPUBLISH';
  readonly feeds: Feeds;
  close(): void;
}

/** Where subscribers listen. */
export interface Feeds {
  /** For what has this key: a name, another one when one has to listen elsewhere; undefined when nobody knows. */
  feedOf(key: string): string | undefined;
  /** A connection for a subscriber, not dialled yet. */
  open(feed: string, nextRedialMs: () => number): Redis;
  /** Something hints at another place for some: to be looked for now. */
  refresh(): void;
  /** Called when `feedOf` may answer otherwise. */
  onChange: (() => void) | undefined;
}

export interface LinkOptions<Address extends RedisAddress> {
  readonly address: Address;
  readonly prefix: string;
  readonly commandTimeoutMs: number;
  readonly random: () => number;
  readonly log: StateLog | undefined;
  readonly onHealthChange: (health: StateHealth) => void;
}

export const PROBE_INTERVAL_MS = 1000;
/** How ioredis words the refusal of a command that it cannot send; there is no code for it. */
const NOT_WRITABLE = "Stream isn't writeable";
const NO_SENTINEL_HELPED = 'All sentinels are unreachable';

export class RedisLink implements Link {
  readonly who: string;
  readonly publishCommand = 'PUBLISH';
  readonly feeds: Feeds;
  readonly #options: LinkOptions<SingleAddress | SentinelAddress>;
  readonly #redis: Redis & ScriptCommands;
  readonly #report: HealthReport;
  readonly #probeKey: string;
  readonly #watch: SentinelWatch | undefined;
  #state: LinkState = INITIAL_LINK_STATE;
  #probeTimer: NodeJS.Timeout | undefined;
  #redialTimer: NodeJS.Timeout | undefined;
  #redials = 0;
  #switches = 0;
  /** What the last sentinel that was asked had to say: ioredis only adds up that none of them helped. */
  #sentinelError: Error | undefined;

  constructor(options: LinkOptions<SingleAddress | SentinelAddress>) {
    const { address, prefix, commandTimeoutMs } = options;
    this.#options = options;
    this.who = `Redis at ${address.label}`;
    this.#report = new HealthReport({ ...options, label: address.label });
    this.#probeKey = probeKey(prefix, randomUUID());
    const needs = { commandTimeoutMs, nextRedialMs: () => this.#nextRedialMs() };
    this.#redis = new Redis(singleOptions(address, needs)) as Redis & ScriptCommands;
    this.feeds = this.#makeFeeds();
    this.#listen();
    this.#dial();
    if (address.kind === 'sentinel') {
      this.#watch = new SentinelWatch({ ...options, address, onSwitched: () => this.#onSwitched() });
    }
  }

  get health(): StateHealth {
    return healthOf(this.#state, this.who);
  }

  connectionFor(): RedisConnection {
    const { status, detail } = this.health;
    if (status === 'ok' && this.#canSend()) return this.#redis;
    throw new StateError('STATE_UNAVAILABLE', detail ?? `${this.who}: the connection is being set up`);
  }

  onCommandError(error: unknown): void {
    const event = linkEventOf(classifyRedisError(error), this.#options.commandTimeoutMs);
    if (event !== undefined) this.#apply(event);
  }

  close(): void {
    this.#apply({ type: 'closed' });
    clearTimeout(this.#probeTimer);
    clearTimeout(this.#redialTimer);
    this.#watch?.close();
    this.#redis.disconnect();
  }

  #makeFeeds(): Feeds {
    const { address, commandTimeoutMs } = this.#options;
    return {
      feedOf: () => (this.#switches === 0 ? address.label : `${address.label}, after ${this.#switches} failovers`),
      open: (_feed, nextRedialMs) => new Redis(singleFeedOptions(address, { commandTimeoutMs, nextRedialMs })),
      refresh: () => undefined,
      onChange: undefined,
    };
  }

  #canSend(): boolean {
    return this.#state.name !== 'closed' && this.#redis.status === 'ready';
  }

  #listen(): void {
    this.#redis.on('ready', () => this.#onConnected());
    this.#redis.on('close', () => this.#onLost());
    this.#redis.on('end', () => this.#onEnd());
    this.#redis.on('error', (error: Error) => this.#onError(error));
    this.#redis.on('sentinelError', (error: Error) => (this.#sentinelError = error));
  }

  #dial(): void {
    // Failures arrive as events too, and are handled there.
    this.#redis.connect().catch(() => undefined);
  }

  #onError(error: Error): void {
    // What follows from a connection that is being given up already: the reason for that is the one to keep.
    if (error.message.startsWith(NOT_WRITABLE)) return;
    const isOfSentinels = error.message.startsWith(NO_SENTINEL_HELPED);
    this.#apply({ type: 'failed', reason: reasonOfFailedDial((isOfSentinels && this.#sentinelError) || error) });
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

  /** Also where the connection leads to the new master already: that costs one redial, and is certain. */
  #onSwitched(): void {
    this.#switches += 1;
    this.feeds.onChange?.();
    if (this.#canSend()) this.#redis.disconnect(true);
  }

  /** ioredis has given up: it does so when a dial is cut short or cannot even begin, as when no sentinel answers. */
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
    if (!this.#canSend()) return;
    const isWrite = needsWriteProbe(this.#state);
    try {
      await (isWrite ? this.#redis.affinityClaim(this.#probeKey, '1', PROBE_TTL_MS) : this.#redis.ping());
      this.#redials = 0;
      this.#apply({ type: 'answered', isWrite });
    } catch (error) {
      this.onCommandError(error);
      // Neither a silent server nor one that refuses may be the one that the name stands for by now: dial again.
      if (this.#canSend()) this.#redis.disconnect(true);
      return;
    }
    if (this.#canSend()) this.#scheduleProbe(PROBE_INTERVAL_MS);
  }

  #apply(event: LinkEvent): void {
    this.#state = nextLinkState(this.#state, event);
    if (this.#state.name === 'closed') return;
    this.#report.update(this.health, { isTentative: this.#state.name === 'verifying' });
  }
}
