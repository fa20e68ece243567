/**
 * Options of a session: what may be given, the defaults, and `resolveOptions`, which turns the one into the other or says
 * what is wrong. Inside the package everything is required and read-only.
 */
import { type Bound, CLIENT_QUEUE } from '@holdfast/protocol';
import { ClientError } from './errors.js';
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
  readonly connectTimeoutMs: number;
  readonly probeTimeoutMs: number;
  readonly random: () => number;
}

/** Longest delay that timers can hold; beyond it they fire at once. */
export const MAX_TIMER_MS = 0x7fffffff;

export const DEFAULTS: Omit<ResolvedOptions, 'token' | 'webSocket'> = Object.freeze({
  protocols: [],
  binaryType: 'arraybuffer',
  queue: CLIENT_QUEUE,
  connectTimeoutMs: 10_000,
  probeTimeoutMs: 2000,
  random: Math.random,
});

interface Rule {
  readonly expected: string;
  readonly isMet: (value: unknown) => boolean;
}

const FUNCTION: Rule = { expected: 'a function', isMet: (value) => typeof value === 'function' };
const COUNT: Rule = { expected: 'a whole number from 1', isMet: (value) => isWhole(value, Number.MAX_SAFE_INTEGER) };
const TIMEOUT: Rule = { expected: 'a whole number from 1 to 2^31 - 1', isMet: (value) => isWhole(value, MAX_TIMER_MS) };
const BINARY_TYPE: Rule = {
  expected: 'arraybuffer or blob',
  isMet: (value) => value === 'arraybuffer' || value === 'blob',
};

const RULES: Readonly<Record<keyof SessionOptions, Rule>> = {
  token: FUNCTION,
  webSocket: FUNCTION,
  protocols: { expected: 'an array', isMet: Array.isArray },
  binaryType: BINARY_TYPE,
  queue: { expected: 'an object', isMet: (value) => typeof value === 'object' },
  connectTimeoutMs: TIMEOUT,
  probeTimeoutMs: TIMEOUT,
  random: FUNCTION,
};
const QUEUE_RULES: Readonly<Record<keyof Bound, Rule>> = { messages: COUNT, bytes: COUNT };

export function resolveOptions(options: SessionOptions = {}): ResolvedOptions {
  const given = checked(options, RULES);
  const queue = { ...CLIENT_QUEUE, ...checked(options.queue ?? {}, QUEUE_RULES) };
  const webSocket = options.webSocket ?? platformWebSocket();
  return { ...DEFAULTS, token: undefined, ...given, queue, webSocket } as ResolvedOptions;
}

export function expectBinaryType(value: unknown): asserts value is BinaryType {
  expectMet('binaryType', BINARY_TYPE, value);
}

/** What is not undefined, all of it known and of the right kind. */
function checked(options: object, rules: Readonly<Record<string, Rule>>): object {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (!rule) throw bad(`options: expected ${Object.keys(rules).join(', ')}, got ${name}`);
    expectMet(name, rule, value);
  }
  return Object.fromEntries(given);
}

function expectMet(name: string, { expected, isMet }: Rule, value: unknown): void {
  // Never a string itself: it may be a secret that was put in the wrong place.
  if (!isMet(value))
    throw bad(`${name}: expected ${expected}, got ${typeof value === 'number' ? value : typeof value}`);
}

function isWhole(value: unknown, max: number): boolean {
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
    'expected a global WebSocket, got none: in Node, pass the option webSocket with the class of the package ws',
  );
}
