/** The worker's side of each store, over the channel to the supervisor: checks, asks, reads the answer. */
import { checkAffinityKey, checkBackendId, checkTtlMs } from '../arguments.js';
import type { LeaseStore } from '../lease-store.js';
import {
  checkCommitRequest,
  checkGeneration,
  checkLease,
  checkLeaseId,
  checkNewSession,
  checkNumber,
  checkParkRequest,
  checkRebindRequest,
  checkResumeRequest,
  checkSessionId,
} from '../session-arguments.js';
import type { ParkOutcome, ParkRequest, SessionStore } from '../session-store.js';
import {
  isAbsent,
  readLiveLeases,
  readOutcome,
  readRebindOutcome,
  readRecord,
  readResumeOutcome,
  readTailEntries,
  tailHasHole,
} from '../session-values.js';
import type { AffinityStore } from '../shared-state.js';

/** One call: `args` throws for arguments that no engine takes, `read` for an answer that no engine gives. */
export type Ask = <T>(
  operation: string,
  call: { readonly args: () => readonly unknown[]; readonly read: (answer: unknown) => T },
) => Promise<T>;

export function createAffinityClient(ask: Ask): AffinityStore {
  return {
    lookup: (pool, key) =>
      ask('affinity.lookup', {
        args: () => checkPlace(pool, key),
        read: (answer) => (isAbsent(answer) ? undefined : checkBackendId(answer)),
      }),
    claim: (pool, key, backendId, ttlMs) =>
      ask('affinity.claim', {
        args: () => [...checkPlace(pool, key), checkBackendId(backendId), checkTtlMs(ttlMs)],
        read: (answer) => checkBackendId(answer),
      }),
    replace: (...args) =>
      ask('affinity.replace', { args: () => checkReplace(args), read: (answer) => checkBackendId(answer) }),
  };
}

export function createSessionClient(ask: Ask): SessionStore {
  return {
    create: (session) =>
      ask('session.create', {
        args: () => [checkNewSession(session)],
        read: (answer) => readOutcome(answer, ['created', 'taken']),
      }),
    resume: (request) =>
      ask('session.resume', {
        args: () => [checkResumeRequest(request)],
        read: (answer) => readResumeOutcome(answer, request.sessionId),
      }),
    rebind: (request) =>
      ask('session.rebind', {
        args: () => [checkRebindRequest(request)],
        read: (answer) => readRebindOutcome(answer, request.sessionId),
      }),
    park: (request) => park(ask, request),
    readTail: (sessionId, after) =>
      ask('session.readTail', {
        args: () => [checkSessionId(sessionId), checkNumber(after, 'after')],
        read: (answer) => readTailEntries(answer, after),
      }),
    commit: (request) =>
      ask('session.commit', {
        args: () => [checkCommitRequest(request)],
        read: (answer) => readOutcome(answer, ['committed', 'fenced', 'unknown']),
      }),
    lookup: (sessionId) =>
      ask('session.lookup', {
        args: () => [checkSessionId(sessionId)],
        read: (answer) => (isAbsent(answer) ? undefined : readRecord(answer, sessionId)),
      }),
    remove: (sessionId, generation) =>
      ask('session.remove', {
        args: () => [checkSessionId(sessionId), checkGeneration(generation)],
        read: (answer) => readOutcome(answer, ['removed', 'fenced', 'unknown']),
      }),
  };
}

export function createLeaseClient(ask: Ask): LeaseStore {
  return {
    renew: (lease) => ask('lease.renew', { args: () => [checkLease(lease)], read: readLiveLeases }),
    release: (id) => ask('lease.release', { args: () => [checkLeaseId(id)], read: () => undefined }),
  };
}

/** Only messages of errors cross the channel, not their codes: the hole comes as an outcome and becomes an error here. */
async function park(ask: Ask, request: ParkRequest): Promise<ParkOutcome> {
  const outcome = await ask('session.park', {
    args: () => [checkParkRequest(request)],
    read: (answer) => readOutcome(answer, ['parked', 'fenced', 'unknown', 'full', 'hole']),
  });
  if (outcome === 'hole') throw tailHasHole(request.sessionId);
  return outcome;
}

function checkPlace(pool: string, key: string): readonly [string, string] {
  checkAffinityKey(pool, key);
  return [pool, key];
}

function checkReplace(args: Parameters<AffinityStore['replace']>): readonly unknown[] {
  const [pool, key, expected, backendId, ttlMs] = args;
  checkBackendId(expected, 'expected backend id');
  return [...checkPlace(pool, key), expected, checkBackendId(backendId), checkTtlMs(ttlMs)];
}
