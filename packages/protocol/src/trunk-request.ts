/** Requests and results on stream 0 of a trunk: one asks, the other answers by `ref`. Either end may ask. */
import { MAX_SESSION_TOPICS } from './limits.js';
import { asObject, asString, count, duration, optional, unexpected } from './session-control.js';
import { asList, type HistoryQuery, readHistory, readTopic } from './topic-control.js';
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

/** Its message is the one entry of the tail, with number 1. */
export interface PublishBody {
  readonly op: 'publish';
  readonly topic: string;
  /** One with the same key, soon after, publishes nothing and is answered the same. */
  readonly key: string | undefined;
}

export interface HistoryBody extends HistoryQuery {
  readonly op: 'history';
}

export interface PresenceBody {
  readonly op: 'presence';
  readonly topic: string;
}

export type TopicAction = 'subscribe' | 'publish' | 'presence' | 'history';

export interface TopicAsk {
  readonly topic: string;
  readonly action: TopicAction;
}

/** May this client do that? */
export interface AuthorizeBody {
  readonly op: 'authorize';
  readonly session: string;
  readonly principal: string | undefined;
  readonly claims: Body | undefined;
  /** At most MAX_SESSION_TOPICS. */
  readonly asks: readonly TopicAsk[];
}

/** What a backend asks, and what a worker does. */
export type RequestBody =
  ParkBody | CommitBody | AuthenticateBody | PublishBody | HistoryBody | PresenceBody | AuthorizeBody;
export type ParkOutcome = 'parked' | 'fenced' | 'unknown' | 'full';
export type CommitOutcome = 'committed' | 'fenced' | 'unknown';

/** As long as `asks`, in its order. */
export interface Authorized {
  readonly allowed: readonly boolean[];
  /** What presence tells of the client there. */
  readonly info: readonly (Body | undefined)[];
}

export interface Authenticated {
  /** null: refused. */
  readonly principal: string | null;
  readonly claims: Body | undefined;
}

export function readRequest(body: Body): { readonly ref: number; readonly request: RequestBody } {
  const ref = count(body, 'ref');
  const { op } = body;
  const read = typeof op === 'string' && Object.hasOwn(READERS, op) ? READERS[op as keyof typeof READERS] : undefined;
  if (read === undefined) throw unexpected('op', `one of ${Object.keys(READERS).join(', ')}`, op);
  return { ref, request: read(body) };
}

const READERS: { readonly [Op in RequestBody['op']]: (body: Body) => RequestBody } = {
  park: readPark,
  commit: readCommit,
  authenticate: (body) => ({
    op: 'authenticate',
    auth: optional(body, 'auth', asString),
    ...readClientRequest(body),
  }),
  publish: (body) => ({ op: 'publish', topic: readTopic(body), key: optional(body, 'key', asString) }),
  history: (body) => ({ op: 'history', ...readHistory(body) }),
  presence: (body) => ({ op: 'presence', topic: readTopic(body) }),
  authorize: readAuthorize,
};

export function readParkOutcome(body: Body): ParkOutcome {
  return oneOf('outcome', body['outcome'], ['parked', 'fenced', 'unknown', 'full']);
}

export function readCommitOutcome(body: Body): CommitOutcome {
  return oneOf('outcome', body['outcome'], ['committed', 'fenced', 'unknown']);
}

export function readAuthenticated(body: Body): Authenticated {
  return {
    principal: optional(body, 'principal', asString) ?? null,
    claims: optional(body, 'claims', asObject),
  };
}

/** An answer that does not fit the question is none. */
export function readAuthorized(body: Body, asked: number): Authorized {
  const allowed = asList(body['allowed'], 'allowed').map((one) => one === true);
  if (allowed.length !== asked) throw unexpected('allowed', `${asked} answers`, allowed.length);
  const info = asList(body['info'] ?? [], 'info');
  return { allowed, info: allowed.map((_, i) => optional({ info: info[i] }, 'info', asObject)) };
}

function readAuthorize(body: Body): AuthorizeBody {
  const asks = asList(body['asks'], 'asks').map((ask) => readAsk(asObject(ask, 'asks')));
  if (asks.length > MAX_SESSION_TOPICS) throw unexpected('asks', `at most ${MAX_SESSION_TOPICS}`, asks.length);
  return {
    op: 'authorize',
    session: asSession(body['session'], 'session'),
    principal: optional(body, 'principal', asString),
    claims: optional(body, 'claims', asObject),
    asks,
  };
}

function readAsk(body: Body): TopicAsk {
  return { topic: readTopic(body), action: oneOf('action', body['action'], ACTIONS) };
}

const ACTIONS = ['subscribe', 'publish', 'presence', 'history'] as const;

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

function oneOf<const T extends string>(field: string, value: unknown, values: readonly T[]): T {
  const found = values.find((one) => one === value);
  if (found === undefined) throw unexpected(field, `one of ${values.join(', ')}`, value);
  return found;
}
