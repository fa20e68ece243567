/**
 * Bodies of the control frames of `holdfast.v1`, and how they are read. A reader takes what JSON.parse gave and answers
 * the typed body, or throws a ProtocolError that names the field. Unknown fields are ignored.
 */
import { isWireCloseCode } from './close-code.js';
import { MAX_DURATION_MS, PROTOCOL_VERSION } from './limits.js';
import { ProtocolError } from './protocol-error.js';

type Body = Readonly<Record<string, unknown>>;

/** The client's counters: what it was given, what it still keeps, what it ever sent. */
export interface ClientCounters {
  readonly received: number;
  /** `sent + 1` when nothing is unacknowledged. */
  readonly lowest: number;
  readonly sent: number;
}

export interface Hello {
  readonly version: number;
  readonly auth: string | undefined;
  readonly resume: (ClientCounters & { readonly token: string }) | undefined;
}

/** Numbers of messages that are gone; `to: null` when nobody knows how many. */
export interface LostRange {
  readonly from: number;
  readonly to: number | null;
}

export interface Welcome {
  readonly session: string;
  readonly token: string;
  readonly generation: number;
  readonly resumed: boolean;
  readonly handled: number;
  readonly received: number;
  readonly windowMs: number;
  readonly heartbeatMs: number;
  readonly pacingMs: number;
  readonly limits: { readonly messageBytes: number; readonly queueMessages: number; readonly queueBytes: number };
  readonly lost: LostRange | undefined;
}

export interface Rehomed {
  readonly cause: 'handoff' | 'failover';
  readonly generation: number;
  readonly token: string;
  /** Absent: the new backend cannot know. */
  readonly handled: number | undefined;
  readonly received: number | undefined;
  readonly lost: LostRange | undefined;
}

export interface GoAway {
  readonly deadlineMs: number;
  readonly delayMs: number;
  readonly reason: string;
}

export interface CloseBody {
  readonly code: number;
  readonly reason: string;
}

export function encodeHello({ version, auth, resume }: Hello): string {
  return `h${JSON.stringify({ v: version, auth, resume })}`;
}

/** The version is looked at first: what another one's hello holds besides is not ours to judge. */
export function readHello(body: Body): Hello {
  const version = count(body, 'v');
  if (version !== PROTOCOL_VERSION) return { version, auth: undefined, resume: undefined };
  const resume = optional(body, 'resume', asObject);
  return {
    version,
    auth: optional(body, 'auth', asString),
    resume: resume === undefined ? undefined : { token: asString(resume['token'], 'token'), ...readCounters(resume) },
  };
}

export function encodeWelcome(welcome: Welcome): string {
  return `w${JSON.stringify({ v: PROTOCOL_VERSION, ...welcome })}`;
}

export function readWelcome(body: Body): Welcome {
  const limits = asObject(body['limits'], 'limits');
  return {
    session: asString(body['session'], 'session'),
    token: asString(body['token'], 'token'),
    generation: count(body, 'generation'),
    resumed: body['resumed'] === true,
    handled: count(body, 'handled'),
    received: count(body, 'received'),
    windowMs: duration(body, 'windowMs'),
    heartbeatMs: interval(body, 'heartbeatMs'),
    pacingMs: duration(body, 'pacingMs'),
    limits: {
      messageBytes: count(limits, 'messageBytes'),
      queueMessages: count(limits, 'queueMessages'),
      queueBytes: count(limits, 'queueBytes'),
    },
    lost: optional(body, 'lost', asLost),
  };
}

export function encodeRehomed(rehomed: Rehomed): string {
  return `r${JSON.stringify(rehomed)}`;
}

export function readRehomed(body: Body): Rehomed {
  const cause = body['cause'];
  if (cause !== 'handoff' && cause !== 'failover') throw unexpected('cause', 'handoff or failover', cause);
  return {
    cause,
    generation: count(body, 'generation'),
    token: asString(body['token'], 'token'),
    handled: optional(body, 'handled', asCount),
    received: optional(body, 'received', asCount),
    lost: optional(body, 'lost', asLost),
  };
}

export function encodeResync(counters: ClientCounters): string {
  return `y${JSON.stringify(counters)}`;
}

/** Of a hello's `resume`, a `resync`, or a trunk's `client`. */
export function readCounters(body: Body): ClientCounters {
  const counters = { received: count(body, 'received'), lowest: count(body, 'lowest'), sent: count(body, 'sent') };
  if (counters.lowest < 1 || counters.lowest > counters.sent + 1) {
    throw unexpected('lowest', 'from 1 to sent + 1', counters.lowest);
  }
  return counters;
}

export function encodeGoAway(goAway: GoAway): string {
  return `g${JSON.stringify(goAway)}`;
}

export function readGoAway(body: Body): GoAway {
  const reason = optional(body, 'reason', asString) ?? '';
  return { deadlineMs: duration(body, 'deadlineMs'), delayMs: duration(body, 'delayMs'), reason };
}

export function encodePing(pacingMs?: number): string {
  return `p${JSON.stringify({ pacingMs })}`;
}

export const PONG = 'q{}';

/** The pacing window of a ping, when it brings a new one. */
export function readPing(body: Body): number | undefined {
  return optional(body, 'pacingMs', asDuration);
}

export function encodeToken(token: string): string {
  return `t${JSON.stringify({ token })}`;
}

export function readToken(body: Body): string {
  return asString(body['token'], 'token');
}

export function encodeAuth(auth: string): string {
  return `u${JSON.stringify({ auth })}`;
}

export function readAuth(body: Body): string {
  return asString(body['auth'], 'auth');
}

export function encodeClose({ code, reason }: CloseBody): string {
  return `c${JSON.stringify({ code, reason })}`;
}

export function readClose(body: Body): CloseBody {
  const code = count(body, 'code');
  if (!isWireCloseCode(code)) throw unexpected('code', 'one that a close frame may carry', code);
  return { code, reason: optional(body, 'reason', asString) ?? '' };
}

// Fields.

/** Absent or null: undefined. */
export function optional<T>(body: Body, field: string, read: (value: unknown, field: string) => T): T | undefined {
  const value = body[field];
  return value === undefined || value === null ? undefined : read(value, field);
}

export function count(body: Body, field: string): number {
  return asCount(body[field], field);
}

export function asCount(value: unknown, field: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw unexpected(field, 'a whole number from 0 to 2^53 - 1', value);
}

/** Milliseconds that fit a timer: a longer one would fire at once. */
export function duration(body: Body, field: string): number {
  return asDuration(body[field], field);
}

/** Milliseconds of something that repeats: 0 would never rest. */
export function interval(body: Body, field: string): number {
  const ms = duration(body, field);
  if (ms === 0) throw unexpected(field, 'at least 1 ms', ms);
  return ms;
}

function asDuration(value: unknown, field: string): number {
  if (asCount(value, field) <= MAX_DURATION_MS) return value as number;
  throw unexpected(field, `at most ${MAX_DURATION_MS} ms`, value);
}

export function asString(value: unknown, field: string): string {
  if (typeof value === 'string') return value;
  throw unexpected(field, 'a string', value);
}

export function asObject(value: unknown, field: string): Body {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Body;
  throw unexpected(field, 'an object', value);
}

function asLost(value: unknown, field: string): LostRange {
  const lost = asObject(value, field);
  return { from: count(lost, 'from'), to: optional(lost, 'to', asCount) ?? null };
}

export function unexpected(field: string, expected: string, got: unknown): ProtocolError {
  return new ProtocolError(`${field}: expected ${expected}, got ${describe(got)}`);
}

/** Never the whole of it: it may be nested deeper than a stack, or longer than a log line. */
function describe(got: unknown): string {
  if (typeof got === 'string') return JSON.stringify(got.slice(0, 40));
  if (Array.isArray(got)) return 'a list';
  return typeof got === 'object' && got !== null ? 'an object' : String(got);
}
