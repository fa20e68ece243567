/**
 * Options of a session: what may be given, the defaults, and `resolveOptions`, which turns the one into the other. Whether what is
 * given can be meant is asked in check-options.ts: programs that a compiler has checked need not carry that.
 */
import { type Bound, CLIENT_QUEUE } from '@holdfast/protocol';
import { ClientError } from './errors.js';
import type { Topics } from './topic-host.js';
import type { WebSocketClass } from './websocket-like.js';

export type BinaryType = 'arraybuffer' | 'blob';

export interface SessionOptions {
  /** Credentials, asked for anew for each connection. @default none are sent */
  readonly token?: (() => string | Promise<string>) | undefined;
  /** WebSocket class. Node 20 has none: pass `WebSocket` of the package `ws`. @default globalThis.WebSocket */
  readonly webSocket?: WebSocketClass | undefined;
  /** The application's own subprotocols: the backend finds them in the handshake's headers. @default [] */
  readonly protocols?: readonly string[] | undefined;
  /** How binary messages arrive. @default 'arraybuffer' */
  readonly binaryType?: BinaryType | undefined;
  /** Messages that are kept until the backend has handled them; the server's limits apply too. @default 1,000 messages or 1 MiB */
  readonly queue?: Partial<Bound> | undefined;
  /** What hears topics. @default in `connect`, the part that does; in that of `@holdfast/client/core`, none */
  readonly topics?: Topics | undefined;
  /** How long credentials, and then a connection, may take, 1 to 2^31 - 1. @default 10,000 */
  readonly connectTimeoutMs?: number | undefined;
  /** How long an answer may take when a connection is in doubt, 1 to 2^31 - 1. @default 2,000 */
  readonly probeTimeoutMs?: number | undefined;
  /** Randomness, uniform in [0, 1): spreads the tries. @default Math.random */
  readonly random?: (() => number) | undefined;
}

export interface ResolvedOptions {
  readonly token?: () => string | Promise<string>;
  readonly webSocket: WebSocketClass;
  readonly protocols: readonly string[];
  readonly binaryType: BinaryType;
  readonly queue: Bound;
  readonly topics?: Topics;
  readonly connectTimeoutMs: number;
  readonly probeTimeoutMs: number;
  readonly random: () => number;
}

/** Longest delay that timers can hold; beyond it they fire at once. */
export const MAX_TIMER_MS = 0x7fffffff;

export const DEFAULTS: Omit<ResolvedOptions, 'token' | 'topics' | 'webSocket'> = Object.freeze({
  protocols: [],
  binaryType: 'arraybuffer',
  queue: CLIENT_QUEUE,
  connectTimeoutMs: 10_000,
  probeTimeoutMs: 2000,
  random: Math.random,
});

export function resolveOptions(options: SessionOptions = {}): ResolvedOptions {
  const queue = { ...CLIENT_QUEUE, ...given(options.queue) };
  const webSocket = options.webSocket ?? platformWebSocket();
  return { ...DEFAULTS, ...given(options), queue, webSocket } as ResolvedOptions;
}

/** Without what is undefined. */
export function given(options: object = {}): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function platformWebSocket(): WebSocketClass {
  const { WebSocket } = globalThis as { WebSocket?: WebSocketClass };
  if (WebSocket) return WebSocket;
  throw new ClientError('CLIENT_NO_WEBSOCKET', 'no global WebSocket: pass that of the package ws as an option');
}
