/**
 * ClusterLink: a worker's connections to a Redis Cluster. ioredis keeps one to each master, follows slots that move and
 * asks where they are; this adds what it leaves out: a probe per master and second, tearing down connections that have gone
 * silent, and refusing calls at once for slots that are not served. A probe for a node that is gone is also how its
 * successor is found: whichever node gets it instead says who has the slot now. Each node has the state machine of a
 * single link (link-state.ts); the health is ok when every slot's node is ready.
 * A client of our own over one RedisLink per node was rejected: redirections are the part that ioredis does well.
 */
import { randomUUID } from 'node:crypto';
import { Cluster, Redis } from 'ioredis';
import { StateError } from '../errors.js';
import type { StateHealth } from '../shared-state.js';
import type { ClusterAddress } from './address.js';
import { clusterOptions, nodeFeedOptions } from './client-options.js';
import { HealthReport } from './health-report.js';
import { PROBE_TTL_MS, probeKey } from './keys.js';
import { PROBE_INTERVAL_MS, type Feeds, type Link, type LinkOptions } from './link.js';
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
import { slotOf, SLOTS } from './slots.js';

/**
 * Slots that move are noticed by the commands for them; asking for all of them is for the rest. ioredis has an option for
 * it, whose timer goes on for ever when the client is closed while it asks.
 */
const REFRESH_EVERY_TICKS = 5;
/** Of a node that serves a single slot, the key for its probe is found among these with near certainty. */
const MAX_PROBE_KEYS = 16 * SLOTS;

interface Node {
  state: LinkState;
  isProbing: boolean;
  /** In a slot of this node; found again when the slot has moved. */
  probeKey: string;
  /** Slots that this node knows nobody for, by its own account. */
  unassigned: number;
}

/** Who serves which slots, as ioredis knows it: `host:port` by slot. */
interface Owners {
  readonly nodes: ReadonlySet<string>;
  /** Slots that nobody serves. */
  readonly orphans: number;
}

export class ClusterLink implements Link {
  readonly who: string;
  readonly publishCommand = 'SPUBLISH';
  readonly feeds: Feeds;
  readonly #options: LinkOptions<ClusterAddress>;
  readonly #cluster: Cluster & ScriptCommands;
  readonly #report: HealthReport;
  readonly #connectionId = randomUUID();
  readonly #nodes = new Map<string, Node>();
  readonly #timer: NodeJS.Timeout;
  #owners: Owners = { nodes: new Set(), orphans: SLOTS };
  /** Why no node could be reached at all. */
  #reason = 'not connected yet';
  #redials = 0;
  #ticks = 0;
  #isClosed = false;

  constructor(options: LinkOptions<ClusterAddress>) {
    const { address, commandTimeoutMs } = options;
    this.#options = options;
    this.who = `Redis, ${address.label}`;
    this.#report = new HealthReport({ ...options, label: address.label });
    const needs = { commandTimeoutMs, nextRedialMs: () => this.#nextRedialMs() };
    this.#cluster = new Cluster([...address.seeds], clusterOptions(address, needs)) as Cluster & ScriptCommands;
    this.feeds = this.#makeFeeds();
    this.#listen();
    this.#timer = setInterval(() => this.#onTimer(), PROBE_INTERVAL_MS).unref();
    // Failures arrive as events too, and are handled there.
    this.#cluster.connect().catch(() => undefined);
  }

  get health(): StateHealth {
    const detail = this.#whyDegraded();
    return detail === undefined ? { status: 'ok', detail } : { status: 'degraded', detail };
  }

  connectionFor(key: string): RedisConnection {
    const node = this.#ownerOf(slotOf(key));
    const state = this.#stateOf(node);
    if (this.#cluster.status === 'ready' && state.name === 'ready' && !this.#isClosed) return this.#cluster;
    throw new StateError('STATE_UNAVAILABLE', this.#whyUnreachable(node, state));
  }

  onCommandError(error: unknown, key: string | undefined): void {
    if (key === undefined) return;
    const event = linkEventOf(classifyRedisError(error), this.#options.commandTimeoutMs);
    if (event !== undefined) this.#apply(this.#ownerOf(slotOf(key)), event);
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.#cluster.disconnect();
  }

  #makeFeeds(): Feeds {
    const { address, commandTimeoutMs } = this.#options;
    return {
      feedOf: (key) => this.#ownerOf(slotOf(key)),
      open: (feed, nextRedialMs) =>
        new Redis(nodeFeedOptions(address, hostAndPortOf(feed), { commandTimeoutMs, nextRedialMs })),
      refresh: () => this.#refresh(),
      onChange: undefined,
    };
  }

  #refresh(): void {
    if (!this.#isClosed && this.#cluster.status === 'ready') this.#cluster.refreshSlotsCache();
  }

  #listen(): void {
    this.#cluster.on('refresh', () => this.#look());
    this.#cluster.on('ready', () => this.#look());
    this.#cluster.on('close', () => this.#update());
    // It only adds up what the errors of the nodes have told.
    this.#cluster.on('error', () => this.#update());
    this.#cluster.on('node error', (error: Error, key: string) => this.#onNodeError(error, key));
    this.#cluster.on('+node', (redis: Redis) => this.#onNodeAdded(redis));
    this.#cluster.on('-node', (redis: Redis) => this.#apply(keyOf(redis), { type: 'lost' }));
  }

  #onNodeAdded(redis: Redis): void {
    redis.on('ready', () => {
      this.#apply(keyOf(redis), { type: 'connected' });
      this.#look();
    });
  }

  #onNodeError(error: Error, key: string): void {
    const reason = reasonOfFailedDial(error);
    this.#reason = `${key}: ${reason}`;
    this.#apply(key, { type: 'failed', reason });
  }

  #onTimer(): void {
    this.#ticks += 1;
    if (this.#ticks % REFRESH_EVERY_TICKS === 0) this.#refresh();
    this.#look();
  }

  /** Who serves what, and does each of them answer? */
  #look(): void {
    if (this.#isClosed || this.#cluster.status !== 'ready') return;
    this.#owners = ownersOf(this.#cluster.slots);
    for (const key of this.#nodes.keys()) if (!this.#owners.nodes.has(key)) this.#nodes.delete(key);
    for (const key of this.#owners.nodes) void this.#probe(key);
    this.#update();
    this.feeds.onChange?.();
  }

  async #probe(key: string): Promise<void> {
    const node = this.#nodes.get(key) ?? this.#newNode(key);
    if (node.isProbing) return;
    node.isProbing = true;
    const isWrite = needsWriteProbe(node.state);
    try {
      await (isWrite ? this.#write(key, node) : this.#ask(key, node));
      this.#redials = 0;
      this.#apply(key, { type: 'answered', isWrite });
    } catch (error) {
      this.#onProbeFailed(key, error);
    } finally {
      node.isProbing = false;
    }
  }

  /** By way of the slots, as every command goes. */
  #write(key: string, node: Node): Promise<unknown> {
    const isItsOwn = this.#ownerOf(slotOf(node.probeKey)) === key;
    if (!isItsOwn) node.probeKey = this.#findProbeKey(key);
    return this.#cluster.affinityClaim(node.probeKey, '1', PROBE_TTL_MS);
  }

  /** Costs as little as a ping, and tells of slots that the cluster itself knows nobody for. */
  async #ask(key: string, node: Node): Promise<void> {
    const redis = this.#redisOf(key);
    if (redis === undefined) throw new Error('no connection');
    const info = await redis.cluster('INFO');
    const assigned = /^cluster_slots_assigned:(\d+)/m.exec(String(info))?.[1];
    node.unassigned = SLOTS - Number(assigned ?? SLOTS);
  }

  #onProbeFailed(key: string, error: unknown): void {
    const failure = classifyRedisError(error);
    const event = linkEventOf(failure, this.#options.commandTimeoutMs);
    if (event !== undefined) this.#apply(key, event);
    // A connection that has gone silent would stay so for minutes. ioredis forgets the node with it, and finds it
    // again when it asks for the slots.
    if (failure.kind === 'timeout') this.#redisOf(key)?.disconnect();
  }

  #newNode(key: string): Node {
    const redis = this.#redisOf(key);
    const isConnected = redis?.status === 'ready';
    const state: LinkState = isConnected ? { name: 'verifying' } : INITIAL_LINK_STATE;
    const node = { state, isProbing: false, probeKey: this.#findProbeKey(key), unassigned: 0 };
    this.#nodes.set(key, node);
    return node;
  }

  #findProbeKey(key: string): string {
    const { prefix } = this.#options;
    for (let i = 0; i < MAX_PROBE_KEYS; i += 1) {
      const candidate = probeKey(prefix, `${this.#connectionId}-${i}`);
      if (this.#ownerOf(slotOf(candidate)) === key) return candidate;
    }
    return probeKey(prefix, this.#connectionId);
  }

  #ownerOf(slot: number): string | undefined {
    return this.#cluster.slots[slot]?.[0];
  }

  #stateOf(key: string | undefined): LinkState {
    return (key === undefined ? undefined : this.#nodes.get(key)?.state) ?? INITIAL_LINK_STATE;
  }

  #redisOf(key: string): Redis | undefined {
    return this.#cluster.nodes('master').find((redis) => keyOf(redis) === key);
  }

  #apply(key: string | undefined, event: LinkEvent): void {
    const node = key === undefined ? undefined : this.#nodes.get(key);
    if (node !== undefined) node.state = nextLinkState(node.state, event);
    this.#update();
  }

  #update(): void {
    if (this.#isClosed) return;
    const isProven = [...this.#owners.nodes].every((key) => this.#stateOf(key).name !== 'verifying');
    this.#report.update(this.health, { isTentative: !isProven });
  }

  #whyDegraded(): string | undefined {
    if (this.#cluster.status !== 'ready') return this.#whyUnreachable(undefined, INITIAL_LINK_STATE);
    let orphans = this.#owners.orphans;
    for (const key of this.#owners.nodes) {
      const state = this.#stateOf(key);
      if (state.name !== 'ready') return this.#whyUnreachable(key, state);
      orphans = Math.max(orphans, this.#nodes.get(key)?.unassigned ?? 0);
    }
    if (orphans === 0) return undefined;
    return `${this.who}: expected all slots to be served, got ${orphans} that nobody serves`;
  }

  #whyUnreachable(key: string | undefined, state: LinkState): string {
    if (this.#isClosed) return `${this.who}: closed`;
    if (this.#cluster.status !== 'ready') {
      return `${this.who}: expected a working connection, got: ${this.#reason}; retrying`;
    }
    if (key === undefined) return `${this.who}: expected the slot to be served, got nobody who does`;
    return healthOf(state, `${this.who}, node ${key}`).detail ?? `${this.who}, node ${key}: being connected`;
  }

  /** Starts over only once a probe was answered, as a single link does. */
  #nextRedialMs(): number {
    this.#redials += 1;
    return redialDelayMs(this.#redials, this.#options.random);
  }
}

function ownersOf(slots: readonly (readonly string[] | undefined)[]): Owners {
  const nodes = new Set<string>();
  let orphans = 0;
  for (let slot = 0; slot < SLOTS; slot += 1) {
    const owner = slots[slot]?.[0];
    if (owner === undefined) orphans += 1;
    else nodes.add(owner);
  }
  return { nodes, orphans };
}

/** As ioredis names a node. */
function keyOf({ options }: Redis): string {
  return `${options.host}:${options.port}`;
}

function hostAndPortOf(key: string): { host: string; port: number } {
  const colon = key.lastIndexOf(':');
  return { host: key.slice(0, colon), port: Number(key.slice(colon + 1)) };
}
