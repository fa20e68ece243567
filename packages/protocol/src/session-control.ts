/**
 * Bodies of the control frames of `holdfast.v1`, and how they are read. A reader takes what JSON.parse gave and answers
 * the typed body, or throws a ProtocolError that names the field. Unknown fields are ignored.
 */
import { isWireCloseCode } from './close-code.js';
import { MAX_DURATION_MS, PROTOCOL_VERSION } from './limits.js';
import { unexpected } from './protocol-error.js';

export { unexpected };

type Body = Readonly<Record<string, unknown>>;
type Reader<T> = (value: unknown, field: string) => T;

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
  /** How long its credentials are good for; undefined: for good. */
  readonly authMs?: number | undefined;
}

export interface TokenBody {
  readonly token: string;
  /** As in the welcome. */
  readonly authMs?: number | undefined;
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

/** @param subscriptions the topics that the client hears, as `encodeHeldTopics` writes them */
export function encodeHello({ version, auth, resume }: Hello, subscriptions?: readonly unknown[]): string {
  return `h${JSON.stringify({ v: version, auth, resume, subscriptions })}`;
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
  return readFields<Welcome>(body, {
    session: asString,
    token: asString,
    generation: asCount,
    resumed: (value) => value === true,
    handled: asCount,
    received: asCount,
    windowMs: asDuration,
    heartbeatMs: asInterval,
    pacingMs: asDuration,
    limits: asRecord<Welcome['limits']>({ messageBytes: asCount, queueMessages: asCount, queueBytes: asCount }),
    lost: orAbsent(asLost),
    authMs: orAbsent(asDuration),
  });
}

export function encodeRehomed(rehomed: Rehomed): string {
  return `r${JSON.stringify(rehomed)}`;
}

export function readRehomed(body: Body): Rehomed {
  return readFields<Rehomed>(body, {
    cause: asCause,
    generation: asCount,
    token: asString,
    handled: orAbsent(asCount),
    received: orAbsent(asCount),
    lost: orAbsent(asLost),
  });
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
  return readFields<GoAway>(body, { deadlineMs: asDuration, delayMs: asDuration, reason: asReason });
}

export function encodePing(pacingMs?: number): string {
  return `p${JSON.stringify({ pacingMs })}`;
}

/** As `encodePing` writes it without news. */
export const PING = 'p{}';
export const PONG = 'q{}';

/** The pacing window of a ping, when it brings a new one. */
export function readPing(body: Body): number | undefined {
  return optional(body, 'pacingMs', asDuration);
}

export function encodeToken({ token, authMs }: TokenBody): string {
  return `t${JSON.stringify({ token, authMs })}`;
}

export function readToken(body: Body): TokenBody {
  return readFields<TokenBody>(body, { token: asString, authMs: orAbsent(asDuration) });
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
  return readFields<CloseBody>(body, { code: asCloseCode, reason: asReason });
}

// Fields.

/** The fields that `readers` names, each read by its own. */
function readFields<T>(body: Body, readers: { readonly [K in keyof T & string]: Reader<T[K]> }): T {
  const fields: Partial<T> = {};
  for (const field of Object.keys(readers) as (keyof T & string)[]) fields[field] = readers[field](body[field], field);
  return fields as T;
}

/** An object with these fields. */
function asRecord<T>(readers: { readonly [K in keyof T & string]: Reader<T[K]> }): Reader<T> {
  return (value, field) => readFields(asObject(value, field), readers);
}

/** Absent or null: undefined. */
function orAbsent<T>(read: Reader<T>): Reader<T | undefined> {
  return (value, field) => (value == null ? undefined : read(value, field));
}

/** Absent or null: undefined. */
export function optional<T>(body: Body, field: string, read: Reader<T>): T | undefined {
  return orAbsent(read)(body[field], field);
}

export function count(body: Body, field: string): number {
  return asCount(body[field], field);
}

/** Reads a whole number within these bounds. */
function whole(least: number, most: number): Reader<number> {
  return (value, field) => {
    const number = value as number;
    if (Number.isSafeInteger(value) && number >= least && number <= most) return number;
    throw unexpected(field, `a whole number from ${least} to ${most}`, value);
  };
}

export const asCount: Reader<number> = /* @__PURE__ */ whole(0, Number.MAX_SAFE_INTEGER);
const asDuration: Reader<number> = /* @__PURE__ */ whole(0, MAX_DURATION_MS);
const asInterval: Reader<number> = /* @__PURE__ */ whole(1, MAX_DURATION_MS);
const asLost: Reader<LostRange> = /* @__PURE__ */ asRecord<LostRange>({
  from: asCount,
  to: (end, field) => (end == null ? null : asCount(end, field)),
});

/** Milliseconds that fit a timer: a longer one would fire at once. */
export function duration(body: Body, field: string): number {
  return asDuration(body[field], field);
}

/** Milliseconds of something that repeats: 0 would never rest. */
export function interval(body: Body, field: string): number {
  return asInterval(body[field], field);
}

export function asString(value: unknown, field: string): string {
  if (typeof value === 'string') return value;
  throw unexpected(field, 'a string', value);
}

export function asObject(value: unknown, field: string): Body {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Body;
  throw unexpected(field, 'an object', value);
}

function asReason(value: unknown, field: string): string {
  return asString(value ?? '', field);
}

function asCloseCode(value: unknown, field: string): number {
  if (isWireCloseCode(asCount(value, field))) return value as number;
  throw unexpected(field, 'one that a close frame may carry', value);
}

function asCause(value: unknown, field: string): Rehomed['cause'] {
  if (value === 'handoff' || value === 'failover') return value;
  throw unexpected(field, 'handoff or failover', value);
}
