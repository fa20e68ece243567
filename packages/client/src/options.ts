/**
 * Options of a session: what may be given, the defaults, and `resolveOptions`, which turns the one into the other or says
 * what is wrong. Inside the package everything is required and read-only.
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
  readonly token: (() => string | Promise<string>) | undefined;
  readonly webSocket: WebSocketClass;
  readonly protocols: readonly string[];
  readonly binaryType: BinaryType;
  readonly queue: Bound;
  readonly topics: Topics | undefined;
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

/** True, or what was expected instead. */
type Rule = (value: unknown) => true | string;

const aFunction: Rule = (value) => typeof value === 'function' || 'a function';
const aCount: Rule = (value) => isWhole(value) || 'a whole number from 1';
const aTimeout: Rule = (value) => isWhole(value, MAX_TIMER_MS) || 'a whole number from 1 to 2^31 - 1';
const aBinaryType: Rule = (value) => value === 'arraybuffer' || value === 'blob' || 'arraybuffer or blob';

const RULES: Readonly<Record<keyof SessionOptions, Rule>> = {
  token: aFunction,
  webSocket: aFunction,
  protocols: (value) => Array.isArray(value) || 'an array',
  binaryType: aBinaryType,
  topics: aFunction,
  queue: (value) => typeof value === 'object' || 'an object',
  connectTimeoutMs: aTimeout,
  probeTimeoutMs: aTimeout,
  random: aFunction,
};
const QUEUE_RULES: Readonly<Record<keyof Bound, Rule>> = { messages: aCount, bytes: aCount };

export function resolveOptions(options: SessionOptions = {}): ResolvedOptions {
  const given = checked(options, RULES);
  const queue = { ...CLIENT_QUEUE, ...checked(options.queue ?? {}, QUEUE_RULES) };
  const webSocket = options.webSocket ?? platformWebSocket();
  return { ...DEFAULTS, token: undefined, topics: undefined, ...given, queue, webSocket } as ResolvedOptions;
}

export function expectBinaryType(value: unknown): asserts value is BinaryType {
  check('binaryType', aBinaryType, value);
}

/** What is not undefined, all of it known and of the right kind. */
function checked(options: object, rules: Readonly<Record<string, Rule>>): object {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (!rule) throw bad(`options: expected ${Object.keys(rules).join(', ')}, got ${name}`);
    check(name, rule, value);
  }
  return Object.fromEntries(given);
}

function check(name: string, rule: Rule, value: unknown): void {
  const expected = rule(value);
  // Never a string itself: it may be a secret that was put in the wrong place.
  const got = typeof value === 'number' ? value : typeof value;
  if (expected !== true) throw bad(`${name}: expected ${expected}, got ${got}`);
}

function isWhole(value: unknown, max = Infinity): boolean {
  return Number.isSafeInteger(value) && (value as number) > 0 && (value as number) <= max;
}

function bad(message: string): ClientError {
  return new ClientError('CLIENT_BAD_OPTION', message);
}

function platformWebSocket(): WebSocketClass {
  const { WebSocket } = globalThis as { WebSocket?: WebSocketClass };
  if (WebSocket) return WebSocket;
  throw new ClientError(
    'CLIENT_NO_WEBSOCKET',
    'expected a global WebSocket, got none: pass the option webSocket, in Node the class of ws',
  );
}
