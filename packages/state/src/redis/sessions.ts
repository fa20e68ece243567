/**
 * SessionStore in Redis: each call is one script, or one command, on the keys of one session. Arguments are checked before
 * anything is sent, replies before anybody believes them.
 */
import {
  checkCommitRequest,
  checkGeneration,
  checkNewSession,
  checkNumber,
  checkParkRequest,
  checkRebindRequest,
  checkResumeRequest,
  checkSessionId,
} from '../session-arguments.js';
import {
  MAX_TAIL_BYTES,
  MAX_TAIL_ENTRIES,
  TAIL_GRACE_MS,
  type CommitRequest,
  type CreateOutcome,
  type CommitOutcome,
  type NewSession,
  type ParkOutcome,
  type ParkRequest,
  type RebindOutcome,
  type RebindRequest,
  type RemoveOutcome,
  type ResumeOutcome,
  type ResumeRequest,
  type SessionRecord,
  type SessionStore,
  type TailEntry,
} from '../session-store.js';
import {
  believed,
  readOutcome,
  readRebindOutcome,
  readRecord,
  readResumeOutcome,
  readTailEntries,
  tailHasHole,
} from '../session-values.js';
import { storedAt, type RedisAccess } from './access.js';
import { sessionKeys } from './keys.js';
import { entriesOfStream, numberOf, readParts, recordOfHash } from './session-reply.js';
import type { RedisConnection } from './scripts.js';

/** Where one session is: its keys, and the connection for them. */
interface Site {
  readonly record: string;
  readonly tail: string;
  readonly redis: RedisConnection;
}

/** Called once the arguments have been checked; throws when the session cannot be reached now. */
type Find = (sessionId: string) => Site;

export function createRedisSessions({ prefix, run }: RedisAccess): SessionStore {
  const runAt = <T>(operation: string, call: (find: Find) => Promise<T>): Promise<T> =>
    run(operation, (connectionFor) =>
      call((sessionId) => {
        const keys = sessionKeys(prefix, sessionId);
        return { ...keys, redis: connectionFor(keys.record) };
      }),
    );
  return {
    create: (session) => runAt('session.create', (find) => create(find, session)),
    resume: (request) => runAt('session.resume', (find) => resume(find, request)),
    rebind: (request) => runAt('session.rebind', (find) => rebind(find, request)),
    park: (request) => runAt('session.park', (find) => park(find, request)),
    readTail: (sessionId, after) => runAt('session.readTail', (find) => readTail(find, sessionId, after)),
    commit: (request) => runAt('session.commit', (find) => commit(find, request)),
    lookup: (sessionId) => runAt('session.lookup', (find) => lookup(find, sessionId)),
    remove: (sessionId, generation) => runAt('session.remove', (find) => remove(find, sessionId, generation)),
  };
}

async function create(find: Find, session: NewSession): Promise<CreateOutcome> {
  const { sessionId, pool, principal, ...rest } = checkNewSession(session);
  const { backendId, backendIncarnation, workerId, ttlMs, minGeneration = 0 } = rest;
  const { record, tail, redis } = find(sessionId);
  const owner = [backendId, backendIncarnation, workerId];
  const reply = await redis.sessionCreate(record, tail, pool, principal, ...owner, ttlMs, minGeneration);
  return believed(() => readOutcome(readParts(reply)[0], ['created', 'taken']), storedAt(record));
}

async function resume(find: Find, request: ResumeRequest): Promise<ResumeOutcome> {
  const { sessionId, principal, workerId, hint, ttlMs } = checkResumeRequest(request);
  const { record, tail, redis } = find(sessionId);
  const args = [principal, workerId, hint.generation, ttlMs, TAIL_GRACE_MS];
  const reply = await redis.sessionResume(record, tail, ...args);
  return believed(() => {
    const [kind, previous, hash] = readParts(reply);
    if (kind !== 'resumed') return readResumeOutcome({ kind }, sessionId);
    const claimed = recordOfHash(hash);
    const generation = claimed?.['generation'];
    return readResumeOutcome({ kind, generation, previousGeneration: numberOf(previous), record: claimed }, sessionId);
  }, storedAt(record));
}

async function rebind(find: Find, request: RebindRequest): Promise<RebindOutcome> {
  const { sessionId, expectedGeneration, backendId, backendIncarnation, workerId, ttlMs } = checkRebindRequest(request);
  const { record, tail, redis } = find(sessionId);
  const args = [expectedGeneration, backendId, backendIncarnation, workerId, ttlMs, TAIL_GRACE_MS];
  const reply = await redis.sessionRebind(record, tail, ...args);
  return believed(() => {
    const [kind, stored, hash] = readParts(reply);
    if (kind !== 'rebound') return readRebindOutcome({ kind, generation: numberOf(stored) }, sessionId);
    const claimed = recordOfHash(hash);
    return readRebindOutcome({ kind, generation: claimed?.['generation'], record: claimed }, sessionId);
  }, storedAt(record));
}

async function park(find: Find, request: ParkRequest): Promise<ParkOutcome> {
  const { sessionId, generation, windowMs, counters, entries } = checkParkRequest(request);
  const { handled, received, lastDown, ackedDown, isComplete, state } = counters;
  const { record, tail, redis } = find(sessionId);
  const numbers = [generation, windowMs, handled, received, lastDown, ackedDown];
  const flagsAndState = [isComplete ? 1 : 0, state === undefined ? 0 : 1, state ?? ''];
  const args = [...numbers, ...flagsAndState, MAX_TAIL_ENTRIES, MAX_TAIL_BYTES, ...entries.flatMap(argumentsOf)];
  const reply = await redis.sessionPark(record, tail, ...args);
  const outcome = believed(() => readOutcome(readParts(reply)[0], PARK_OUTCOMES), storedAt(record));
  if (outcome === 'hole') throw tailHasHole(sessionId);
  return outcome;
}

const PARK_OUTCOMES = ['parked', 'fenced', 'unknown', 'full', 'hole'] as const;

async function readTail(find: Find, sessionId: string, after: number): Promise<readonly TailEntry[]> {
  checkSessionId(sessionId);
  checkNumber(after, 'after');
  const { tail, redis } = find(sessionId);
  const reply = await redis.xrangeBuffer(tail, `${after + 1}`, '+', 'COUNT', MAX_TAIL_ENTRIES);
  return believed(() => readTailEntries(entriesOfStream(reply), after), storedAt(tail));
}

async function commit(find: Find, request: CommitRequest): Promise<CommitOutcome> {
  const { sessionId, generation, handled, state, ttlMs } = checkCommitRequest(request);
  const { record, tail, redis } = find(sessionId);
  const reply = await redis.sessionCommit(record, tail, generation, handled, state, ttlMs);
  return believed(() => readOutcome(readParts(reply)[0], ['committed', 'fenced', 'unknown']), storedAt(record));
}

async function lookup(find: Find, sessionId: string): Promise<SessionRecord | undefined> {
  const { record, redis } = find(checkSessionId(sessionId));
  const hash = await redis.hgetall(record);
  return believed(() => {
    const fields = recordOfHash(Object.entries(hash).flat());
    return fields === undefined ? undefined : readRecord(fields, sessionId);
  }, storedAt(record));
}

async function remove(find: Find, sessionId: string, generation: number): Promise<RemoveOutcome> {
  checkGeneration(generation);
  const { record, tail, redis } = find(checkSessionId(sessionId));
  const reply = await redis.sessionRemove(record, tail, generation);
  return believed(() => readOutcome(readParts(reply)[0], ['removed', 'fenced', 'unknown']), storedAt(record));
}

/** A view: ioredis sends Buffers as they are, and would spell out the numbers of any other bytes. */
function argumentsOf({ n, isBinary, data }: TailEntry): readonly [number, string, Buffer] {
  return [n, isBinary ? 'b' : 't', Buffer.from(data.buffer, data.byteOffset, data.byteLength)];
}
