/**
 * What is asked of ioredis: everywhere that a command is answered soon or fails, and that nothing waits in a queue or is
 * sent again behind its caller's back. Spelled out per kind of address, because ioredis has other defaults for each.
 */
import type { ClusterOptions, RedisOptions } from 'ioredis';
import type { ClusterAddress, RedisAddress, SentinelAddress, SingleAddress } from './address.js';
import { SCRIPTS } from './scripts.js';

export interface ClientNeeds {
  readonly commandTimeoutMs: number;
  /** How long to wait before the next dial. */
  readonly nextRedialMs: () => number;
}

/** How long a connection that we give up may take to say goodbye before it is destroyed. */
const DISCONNECT_TIMEOUT_MS = 100;
/** A dial gets more time than a command (names, TLS, distance), but never so much that healing takes long. */
const MIN_CONNECT_TIMEOUT_MS = 1000;
const MAX_CONNECT_TIMEOUT_MS = 2000;
/** How often a server that is loading its data is asked whether it is done. */
const LOADING_RETRY_MS = 500;
const KEEP_ALIVE_MS = 10_000;
/** Nodes that disagree on a slot send a command to and fro: that soon ends, or the caller should not wait for it. */
const MAX_REDIRECTIONS = 5;

const MIN_FEED_TIMEOUT_MS = 2000;
const SENTINEL_REDIAL_MS = 5000;

/** Spelled out, because with exact optional types ioredis' constructor refuses a mapping that may be undefined. */
export type SingleOptions = RedisOptions & { replyMapping: 'legacy' };

export function singleOptions(address: SingleAddress | SentinelAddress, needs: ClientNeeds): SingleOptions {
  return {
    ...connectionOptions(address, needs.commandTimeoutMs),
    ...(address.kind === 'single' ? { host: address.host, port: address.port } : sentinelOptions(address, needs)),
    db: address.db,
    scripts: SCRIPTS,
    lazyConnect: true,
    retryStrategy: needs.nextRedialMs,
    // A command that cannot be sent now fails now, and what was sent when the connection broke is not sent again:
    // the caller has gone on without the answer, and a late claim would be about a world that has changed.
    enableOfflineQueue: false,
  };
}

/** For a connection that only subscribes. */
export function singleFeedOptions(address: SingleAddress | SentinelAddress, needs: ClientNeeds): SingleOptions {
  return { ...singleOptions(address, feedNeeds(needs)), autoResubscribe: false };
}

/** As `singleFeedOptions`, to one node of a Cluster. */
export function nodeFeedOptions(
  address: ClusterAddress,
  node: { readonly host: string; readonly port: number },
  needs: ClientNeeds,
): SingleOptions {
  const { commandTimeoutMs, nextRedialMs } = feedNeeds(needs);
  return {
    ...connectionOptions(address, commandTimeoutMs),
    ...node,
    lazyConnect: true,
    retryStrategy: nextRedialMs,
    enableOfflineQueue: false,
    autoResubscribe: false,
  };
}

/** Nobody waits for a subscription as for the answer to a call, and many may be asked for at once. */
function feedNeeds({ commandTimeoutMs, nextRedialMs }: ClientNeeds): ClientNeeds {
  return { commandTimeoutMs: Math.max(commandTimeoutMs, MIN_FEED_TIMEOUT_MS), nextRedialMs };
}

export function clusterOptions(address: ClusterAddress, needs: ClientNeeds): ClusterClientOptions {
  return {
    redisOptions: connectionOptions(address, needs.commandTimeoutMs),
    scripts: SCRIPTS,
    lazyConnect: true,
    clusterRetryStrategy: needs.nextRedialMs,
    enableOfflineQueue: false,
    // Our own probes prove each node; this check would give all of them up because one does not answer.
    enableReadyCheck: false,
    scaleReads: 'master',
    maxRedirections: MAX_REDIRECTIONS,
    // 0 is never: a command whose node is gone fails at once. Redirections of a slot that moves are followed all the same.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    slotsRefreshTimeout: connectTimeoutMs(needs.commandTimeoutMs),
    // Names are left to each dial. Resolved here, one unknown seed would fail them all, and TLS would have no name to check.
    dnsLookup: (hostname, callback) => callback(null, hostname),
  };
}

export type ClusterClientOptions = ClusterOptions & { redisOptions: ConnectionOptions };

type ConnectionOptions = NonNullable<ClusterOptions['redisOptions']> & { replyMapping: 'legacy' };

function connectionOptions(address: RedisAddress, commandTimeoutMs: number): ConnectionOptions {
  return {
    ...(address.username !== undefined && { username: address.username }),
    ...(address.password !== undefined && { password: address.password }),
    ...(address.isTls && { tls: {} }),
    replyMapping: 'legacy',
    connectionName: 'holdfast',
    disableClientInfo: true,
    commandTimeout: commandTimeoutMs,
    connectTimeout: connectTimeoutMs(commandTimeoutMs),
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    keepAlive: KEEP_ALIVE_MS,
    maxLoadingRetryTime: LOADING_RETRY_MS,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
  };
}

function sentinelOptions(
  address: SentinelAddress,
  { commandTimeoutMs }: ClientNeeds,
): Omit<RedisOptions, 'replyMapping'> {
  return {
    sentinels: address.sentinels.map((sentinel) => ({ ...sentinel })),
    name: address.masterName,
    role: 'master',
    ...(sentinelPassword(address) !== undefined && { sentinelPassword: sentinelPassword(address) }),
    ...(address.isTls && { enableTLSForSentinelMode: true, sentinelTLS: {} }),
    sentinelCommandTimeout: connectTimeoutMs(commandTimeoutMs),
    // When none answers, the dial has failed: the link's own loop has the jitter, and an end when it is closed.
    sentinelRetryStrategy: () => null,
  };
}

/** For a connection to a sentinel that only listens. Not in step with those of other workers, which lose it too. */
export function sentinelClientOptions(
  address: SentinelAddress,
  { commandTimeoutMs, random }: { readonly commandTimeoutMs: number; readonly random: () => number },
): SingleOptions {
  return {
    ...(sentinelPassword(address) !== undefined && { password: sentinelPassword(address) }),
    ...(address.isTls && { tls: {} }),
    replyMapping: 'legacy',
    connectionName: 'holdfast',
    disableClientInfo: true,
    commandTimeout: connectTimeoutMs(commandTimeoutMs),
    connectTimeout: connectTimeoutMs(commandTimeoutMs),
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    keepAlive: KEEP_ALIVE_MS,
    retryStrategy: () => SENTINEL_REDIAL_MS * (0.5 + random()),
    enableReadyCheck: false,
    autoResubscribe: false,
  };
}

/** The default user's password is the sentinels' too, or they have none and take any; a named user is the servers' own. */
function sentinelPassword({ username, password }: SentinelAddress): string | undefined {
  return username === undefined ? password : undefined;
}

function connectTimeoutMs(commandTimeoutMs: number): number {
  return Math.min(MAX_CONNECT_TIMEOUT_MS, Math.max(MIN_CONNECT_TIMEOUT_MS, commandTimeoutMs));
}
