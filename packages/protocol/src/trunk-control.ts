/**
 * Bodies of the JSON frames of `holdfast-trunk.v1`, and how they are read: the typed body, or a ProtocolError that names
 * the field. Requests and results are in trunk-request.ts.
 */
import { PROTOCOL_VERSION } from './limits.js';
import { isIncarnation, isSessionId } from './ids.js';
import { ProtocolError } from './protocol-error.js';
import {
  asCount,
  asObject,
  asString,
  type ClientCounters,
  count,
  duration,
  interval,
  type LostRange,
  optional,
  readCounters,
  unexpected,
} from './session-control.js';

export type Body = Readonly<Record<string, unknown>>;

export interface Challenge {
  readonly versions: readonly number[];
  readonly nonce: string;
}

export interface Prove {
  readonly version: number;
  readonly nonce: string;
  readonly proof: string;
  /** Incarnation of the worker. */
  readonly worker: string;
  readonly heartbeatMs: number;
  readonly staleMs: number;
  readonly maxMessageBytes: number;
}

export interface Ready {
  readonly proof: string;
  readonly incarnation: string;
  /** Sessions that it wants at most; 0: no limit. */
  readonly capacity: number;
  /** Wants to be asked who a client is before its session is opened. */
  readonly authenticates: boolean;
  readonly maxMessageBytes: number;
}

export interface Drain {
  readonly reason: string;
  readonly deadlineMs: number;
}

export interface Load {
  readonly sessions: number;
  readonly lagMs: number;
  /** Share that it wants, 0 to 1; 1 is its configured weight. */
  readonly weight: number;
}

export type OpenCause = 'connect' | 'resume' | 'handoff' | 'failover';

/** Where a session stands at its backend. */
export interface SessionCounters {
  readonly handled: number;
  readonly received: number;
  /** Highest `d` that was given out. */
  readonly lastDown: number;
  /** Highest `d` that the client has acknowledged. */
  readonly ackedDown: number;
}

export interface ClientRequest {
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly address: string;
}

export interface Open extends ClientRequest {
  readonly session: string;
  readonly generation: number;
  readonly cause: OpenCause;
  readonly plain: boolean;
  readonly principal: string | undefined;
  /** What authentication told of the principal: a JWT's claims, or the backend's own words. */
  readonly claims: Body | undefined;
  readonly windowMs: number;
  /** Absent: `resync` follows. */
  readonly client: ClientCounters | undefined;
  /** Of a handoff or a parked session. */
  readonly counters: SessionCounters | undefined;
  readonly state: string | undefined;
  readonly checkpoint: { readonly handled: number; readonly state: string } | undefined;
}

export interface Opened {
  readonly handled: number;
  readonly received: number;
  readonly lost: LostRange | undefined;
}

export interface Handoff extends SessionCounters {
  readonly state: string | undefined;
}

/** The session joins a topic, or leaves it. */
export interface TopicJoin {
  readonly topic: string;
  /** What others are told of it where there is presence. */
  readonly info: Body | undefined;
}

export function readChallenge(body: Body): Challenge {
  const { versions } = body;
  if (!Array.isArray(versions)) throw unexpected('versions', 'a list of numbers', versions);
  return { versions: versions.map((version) => asCount(version, 'versions')), nonce: asString(body['nonce'], 'nonce') };
}

export function readProve(body: Body): Prove {
  const heartbeatMs = interval(body, 'heartbeatMs');
  const staleMs = duration(body, 'staleMs');
  if (staleMs <= heartbeatMs) throw unexpected('staleMs', 'more than heartbeatMs', staleMs);
  return {
    version: count(body, 'version'),
    nonce: asString(body['nonce'], 'nonce'),
    proof: asString(body['proof'], 'proof'),
    worker: asIncarnation(body['worker'], 'worker'),
    heartbeatMs,
    staleMs,
    maxMessageBytes: count(body, 'maxMessageBytes'),
  };
}

export function readReady(body: Body): Ready {
  return {
    proof: asString(body['proof'], 'proof'),
    incarnation: asIncarnation(body['incarnation'], 'incarnation'),
    capacity: count(body, 'capacity'),
    authenticates: body['authenticates'] === true,
    maxMessageBytes: count(body, 'maxMessageBytes'),
  };
}

export function readDrain(body: Body): Drain {
  return { reason: optional(body, 'reason', asString) ?? '', deadlineMs: duration(body, 'deadlineMs') };
}

export function readLoad(body: Body): Load {
  const weight = body['weight'];
  if (typeof weight !== 'number' || !(weight >= 0 && weight <= 1)) throw unexpected('weight', 'from 0 to 1', weight);
  const lagMs = body['lagMs'];
  if (typeof lagMs !== 'number' || !(lagMs >= 0 && lagMs < Infinity)) throw unexpected('lagMs', 'milliseconds', lagMs);
  return { sessions: count(body, 'sessions'), lagMs, weight };
}

export function readOpen(body: Body): Open {
  return {
    ...readClientRequest(body),
    session: asSession(body['session'], 'session'),
    generation: count(body, 'generation'),
    cause: asCause(body['cause'], 'cause'),
    plain: body['plain'] === true,
    principal: optional(body, 'principal', asString),
    claims: optional(body, 'claims', asObject),
    windowMs: duration(body, 'windowMs'),
    client: optional(body, 'client', (value, field) => readCounters(asObject(value, field))),
    counters: optional(body, 'counters', (value, field) => readSessionCounters(asObject(value, field))),
    state: optional(body, 'state', asString),
    checkpoint: optional(body, 'checkpoint', asCheckpoint),
  };
}

export function readClientRequest(body: Body): ClientRequest {
  const headers = asObject(body['headers'], 'headers');
  for (const name of Object.keys(headers)) asString(headers[name], `headers.${name}`);
  return {
    path: asString(body['path'], 'path'),
    query: asString(body['query'], 'query'),
    headers: headers as Readonly<Record<string, string>>,
    address: asString(body['address'], 'address'),
  };
}

export function readOpened(body: Body): Opened {
  const lost = optional(body, 'lost', asObject);
  return {
    handled: count(body, 'handled'),
    received: count(body, 'received'),
    lost: lost === undefined ? undefined : { from: count(lost, 'from'), to: optional(lost, 'to', asCount) ?? null },
  };
}

export function readSessionCounters(body: Body): SessionCounters {
  const counters = {
    handled: count(body, 'handled'),
    received: count(body, 'received'),
    lastDown: count(body, 'lastDown'),
    ackedDown: count(body, 'ackedDown'),
  };
  if (counters.handled > counters.received) throw unexpected('handled', 'at most received', counters.handled);
  if (counters.ackedDown > counters.lastDown) throw unexpected('ackedDown', 'at most lastDown', counters.ackedDown);
  return counters;
}

export function readHandoff(body: Body): Handoff {
  return { ...readSessionCounters(body), state: optional(body, 'state', asString) };
}

export function readTopicJoin(body: Body): TopicJoin {
  return { topic: asString(body['topic'], 'topic'), info: optional(body, 'info', asObject) };
}

/** The version that both ends speak, or a ProtocolError that closes with 4505. */
export function agreeOnVersion(versions: readonly number[], closeCode: number): number {
  if (versions.includes(PROTOCOL_VERSION)) return PROTOCOL_VERSION;
  throw new ProtocolError(`version: expected ${PROTOCOL_VERSION}, got ${versions.slice(0, 10).join(', ')}`, closeCode);
}

// Close and detach: code u16, reason UTF-8.

export function encodeCloseFrame(code: number, reason: string): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(reason);
  const bytes = new Uint8Array(2 + text.length);
  bytes[0] = code >>> 8;
  bytes[1] = code;
  bytes.set(text, 2);
  return bytes;
}

/** A reason is for people: what is not UTF-8 in it does not end a trunk. */
const reasonDecoder = new TextDecoder('utf-8', { ignoreBOM: true });

export function decodeCloseFrame(bytes: Uint8Array): { readonly code: number; readonly reason: string } {
  if (bytes.length < 2) throw new ProtocolError(`close: expected a code of 2 bytes, got ${bytes.length}`);
  const code = ((bytes[0] as number) << 8) | (bytes[1] as number);
  return { code, reason: reasonDecoder.decode(bytes.subarray(2)) };
}

function asIncarnation(value: unknown, field: string): string {
  if (isIncarnation(value)) return value;
  throw unexpected(field, '16 characters of base64url', value);
}

export function asSession(value: unknown, field: string): string {
  if (isSessionId(value)) return value;
  throw unexpected(field, '22 characters of base64url', value);
}

function asCause(value: unknown, field: string): OpenCause {
  if (value === 'connect' || value === 'resume' || value === 'handoff' || value === 'failover') return value;
  throw unexpected(field, 'connect, resume, handoff or failover', value);
}

function asCheckpoint(value: unknown, field: string): { readonly handled: number; readonly state: string } {
  const checkpoint = asObject(value, field);
  return { handled: count(checkpoint, 'handled'), state: asString(checkpoint['state'], 'state') };
}
