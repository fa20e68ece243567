/**
 * Options of a backend: what may be given, the defaults, and `resolveOptions`, which turns the one into the other or says
 * what is wrong. Inside the package everything is required and read-only.
 */
import { randomBytes } from 'node:crypto';
import { MAX_MESSAGE_BYTES, TRUNK_PATH } from '@holdfast/protocol';
import { BackendError } from './errors.js';

export interface BackendOptions {
  /** What this backend and the workers both know; the pool's. Of a list the workers may use any. */
  readonly secret: string | readonly string[];
  /** Where workers dial. @default '/.holdfast/trunk' */
  readonly path?: string | undefined;
  /** Sessions that this backend wants at most; 0: no limit. Further new ones are sent to another backend. @default 0 */
  readonly capacity?: number | undefined;
  /** Largest message either way, in bytes, 1 to 16 MiB. @default 16 MiB */
  readonly maxMessageBytes?: number | undefined;
  /** What the client may forget: messages whose handler is done, or those that a `commit` covers. @default 'handled' */
  readonly acknowledge?: 'handled' | 'committed' | undefined;
  /** Says who a client is, for routes without `auth` of their own; undefined refuses it. @default every client is '' */
  readonly authenticate?: Authenticate | undefined;
  /** How long a session that is handed over may finish the message in hand. @default 5,000 */
  readonly handoffTimeoutMs?: number | undefined;
  /** How long `drain` waits for takers. @default 25,000 */
  readonly drainTimeoutMs?: number | undefined;
  /** SIGTERM drains, closes the servers, and then ends the process as it would have otherwise. @default true */
  readonly signals?: boolean | undefined;
  /** Life of trunks and trouble with them; pino's loggers fit. @default nothing is logged */
  readonly log?: BackendLog | undefined;
  /** So many random bytes, for nonces and the name of this life of the process. @default crypto.randomBytes */
  readonly random?: ((bytes: number) => Uint8Array) | undefined;
}

export interface AuthenticationRequest {
  /** What the client's SDK gave as its token; undefined of a plain client, which has its headers. */
  readonly auth: string | undefined;
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly address: string;
}

export interface Identity {
  readonly principal: string;
  readonly claims?: Readonly<Record<string, unknown>> | undefined;
}

export type Authenticate = (request: AuthenticationRequest) => Promise<Identity | undefined> | Identity | undefined;

export interface BackendLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface ResolvedOptions {
  readonly secrets: readonly string[];
  readonly path: string;
  readonly capacity: number;
  readonly maxMessageBytes: number;
  readonly acknowledge: 'handled' | 'committed';
  readonly authenticate: Authenticate | undefined;
  readonly handoffTimeoutMs: number;
  readonly drainTimeoutMs: number;
  readonly signals: boolean;
  readonly log: BackendLog;
  readonly random: (bytes: number) => Uint8Array;
}

const SILENT: BackendLog = { info: () => undefined, warn: () => undefined };
/** Longest delay that timers can hold; beyond it they fire at once. */
export const MAX_TIMER_MS: number = 2 ** 31 - 1;

export const DEFAULTS: Omit<ResolvedOptions, 'secrets' | 'authenticate'> = Object.freeze({
  path: TRUNK_PATH,
  capacity: 0,
  maxMessageBytes: MAX_MESSAGE_BYTES,
  acknowledge: 'handled',
  handoffTimeoutMs: 5000,
  drainTimeoutMs: 25_000,
  signals: true,
  log: SILENT,
  random: randomBytes,
});

export function resolveOptions(options: BackendOptions): ResolvedOptions {
  const known = ['secret', 'authenticate', ...Object.keys(DEFAULTS)];
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown !== undefined) throw bad('options', `only ${known.join(', ')}`, unknown);
  const { secret, authenticate, ...rest } = options;
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  const resolved: ResolvedOptions = { ...DEFAULTS, ...given, secrets: secretsOf(secret), authenticate };
  expectTypes(resolved);
  expectWhole('capacity', resolved.capacity, { min: 0, max: Number.MAX_SAFE_INTEGER });
  expectWhole('maxMessageBytes', resolved.maxMessageBytes, { min: 1, max: MAX_MESSAGE_BYTES });
  expectWhole('handoffTimeoutMs', resolved.handoffTimeoutMs, { min: 1, max: MAX_TIMER_MS });
  expectWhole('drainTimeoutMs', resolved.drainTimeoutMs, { min: 1, max: MAX_TIMER_MS });
  return resolved;
}

/** The secrets themselves never stand in a message. */
function secretsOf(secret: unknown): readonly string[] {
  const secrets: readonly unknown[] = Array.isArray(secret) ? secret : [secret];
  if (secrets.length > 0 && secrets.every((one) => typeof one === 'string' && one !== '')) return secrets as string[];
  throw bad('secret', 'a string that is not empty, or a list of such', 'something else');
}

function expectTypes({ path, acknowledge, authenticate, signals, log, random }: ResolvedOptions): void {
  if (typeof path !== 'string' || !/^\/[^?#]*$/.test(path)) throw bad('path', 'a path that begins with /', path);
  if (acknowledge !== 'handled' && acknowledge !== 'committed') {
    throw bad('acknowledge', "'handled' or 'committed'", acknowledge);
  }
  if (typeof signals !== 'boolean') throw bad('signals', 'true or false', signals);
  for (const [name, value] of Object.entries({ authenticate, random, 'log.info': log?.info, 'log.warn': log?.warn })) {
    const isOptional = name === 'authenticate';
    if (typeof value !== 'function' && !(isOptional && value === undefined)) throw bad(name, 'a function', value);
  }
}

export function expectWhole(name: string, value: unknown, { min, max }: { min: number; max: number }): void {
  if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) return;
  throw bad(name, `a whole number from ${min} to ${max}`, value);
}

function bad(name: string, expected: string, got: unknown): BackendError {
  return new BackendError('BACKEND_BAD_OPTION', `${name}: expected ${expected}, got ${String(got)}`);
}
