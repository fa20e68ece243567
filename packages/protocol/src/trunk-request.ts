/** Requests and results on stream 0 of a trunk: one asks, the other answers by `ref`. Either end may ask. */
import { asObject, asString, count, duration, optional, unexpected } from './session-control.js';
import {
  asSession,
  type Body,
  type ClientRequest,
  readClientRequest,
  readSessionCounters,
  type SessionCounters,
} from './trunk-control.js';

export interface ParkBody extends SessionCounters {
  readonly op: 'park';
  readonly session: string;
  readonly generation: number;
  /** The backend forgets the session: everything that its successor needs is here. */
  readonly complete: boolean;
  readonly state: string | undefined;
  readonly windowMs: number;
}

export interface CommitBody {
  readonly op: 'commit';
  readonly session: string;
  readonly generation: number;
  readonly handled: number;
  readonly state: string;
}

export interface AuthenticateBody extends ClientRequest {
  readonly op: 'authenticate';
  readonly auth: string | undefined;
}

export type RequestBody = ParkBody | CommitBody | AuthenticateBody;
export type ParkOutcome = 'parked' | 'fenced' | 'unknown' | 'full';
export type CommitOutcome = 'committed' | 'fenced' | 'unknown';

export interface Authenticated {
  /** null: refused. */
  readonly principal: string | null;
  readonly claims: Body | undefined;
}

/** Failed: nobody knows whether it took effect. */
export type ResultBody =
  | { readonly ref: number; readonly ok: true; readonly body: Body }
  | { readonly ref: number; readonly ok: false; readonly error: string; readonly retryable: boolean };

export function readRequest(body: Body): { readonly ref: number; readonly request: RequestBody } {
  const ref = count(body, 'ref');
  const op = body['op'];
  if (op === 'park') return { ref, request: readPark(body) };
  if (op === 'commit') return { ref, request: readCommit(body) };
  if (op === 'authenticate') {
    return { ref, request: { op, auth: optional(body, 'auth', asString), ...readClientRequest(body) } };
  }
  throw unexpected('op', 'park, commit or authenticate', op);
}

export function readResult(body: Body): ResultBody {
  const ref = count(body, 'ref');
  if (body['ok'] === true) return { ref, ok: true, body };
  const error = optional(body, 'error', asString) ?? 'failed';
  return { ref, ok: false, error, retryable: body['retryable'] === true };
}

export function readParkOutcome(body: Body): ParkOutcome {
  return oneOf(body['outcome'], ['parked', 'fenced', 'unknown', 'full']);
}

export function readCommitOutcome(body: Body): CommitOutcome {
  return oneOf(body['outcome'], ['committed', 'fenced', 'unknown']);
}

export function readAuthenticated(body: Body): Authenticated {
  return {
    principal: optional(body, 'principal', asString) ?? null,
    claims: optional(body, 'claims', asObject),
  };
}

function readPark(body: Body): ParkBody {
  return {
    op: 'park',
    ...readSessionCounters(body),
    session: asSession(body['session'], 'session'),
    generation: count(body, 'generation'),
    complete: body['complete'] === true,
    state: optional(body, 'state', asString),
    windowMs: duration(body, 'windowMs'),
  };
}

function readCommit(body: Body): CommitBody {
  return {
    op: 'commit',
    session: asSession(body['session'], 'session'),
    generation: count(body, 'generation'),
    handled: count(body, 'handled'),
    state: asString(body['state'], 'state'),
  };
}

function oneOf<const T extends string>(value: unknown, values: readonly T[]): T {
  const found = values.find((one) => one === value);
  if (found === undefined) throw unexpected('outcome', `one of ${values.join(', ')}`, value);
  return found;
}
