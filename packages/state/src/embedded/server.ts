/**
 * The supervisor's end of the embedded engine: one function that a call from a worker is handed to. What arrives came
 * over IPC, from a process that may run other code than this one after an upgrade, so nothing about it is believed.
 */
import { checkAffinityKey, checkBackendId, checkTtlMs, describeValue } from '../arguments.js';
import { StateError } from '../errors.js';
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
import type { EmbeddedStore } from './store.js';

type Handler = (store: EmbeddedStore, args: readonly unknown[]) => unknown;

const AFFINITY_HANDLERS: Readonly<Record<string, Handler>> = {
  'affinity.lookup': ({ affinity }, [pool, key]) => affinity.lookup(checkAffinityKey(pool, key)),
  'affinity.claim': ({ affinity }, [pool, key, backendId, ttlMs]) =>
    affinity.claim(checkAffinityKey(pool, key), checkBackendId(backendId), checkTtlMs(ttlMs)),
  'affinity.replace': ({ affinity }, [pool, key, expected, backendId, ttlMs]) =>
    affinity.replace(
      checkAffinityKey(pool, key),
      checkBackendId(expected, 'expected backend id'),
      checkBackendId(backendId),
      checkTtlMs(ttlMs),
    ),
};

const SESSION_HANDLERS: Readonly<Record<string, Handler>> = {
  'session.create': ({ sessions }, [session]) => sessions.create(checkNewSession(session)),
  'session.resume': ({ sessions }, [request]) => sessions.resume(checkResumeRequest(request)),
  'session.rebind': ({ sessions }, [request]) => sessions.rebind(checkRebindRequest(request)),
  'session.park': ({ sessions }, [request]) => sessions.park(checkParkRequest(request)),
  'session.readTail': ({ sessions }, [id, after]) => sessions.readTail(checkSessionId(id), checkNumber(after, 'after')),
  'session.commit': ({ sessions }, [request]) => sessions.commit(checkCommitRequest(request)),
  'session.lookup': ({ sessions }, [id]) => sessions.lookup(checkSessionId(id)),
  'session.remove': ({ sessions }, [id, generation]) =>
    sessions.remove(checkSessionId(id), checkGeneration(generation)),
};

const LEASE_HANDLERS: Readonly<Record<string, Handler>> = {
  'lease.renew': ({ leases }, [lease]) => leases.renew(checkLease(lease)),
  'lease.release': ({ leases }, [id]) => leases.release(checkLeaseId(id)),
};

const HANDLERS: ReadonlyMap<string, Handler> = new Map(
  Object.entries({ ...AFFINITY_HANDLERS, ...SESSION_HANDLERS, ...LEASE_HANDLERS }),
);

/** The methods that `handleCall` takes: the supervisor passes on calls with these names. */
export const EMBEDDED_METHODS: ReadonlySet<string> = new Set(HANDLERS.keys());

/** Answers one call of a worker, or throws a StateError whose message can be sent back. */
export function handleCall(store: EmbeddedStore, method: unknown, args: unknown): unknown {
  const handler = typeof method === 'string' ? HANDLERS.get(method) : undefined;
  if (handler === undefined) {
    const known = [...EMBEDDED_METHODS].join(', ');
    throw new StateError('STATE_INVALID_ARGUMENT', `method: expected one of ${known}, got ${describeValue(method)}`);
  }
  if (!Array.isArray(args)) {
    throw new StateError('STATE_INVALID_ARGUMENT', `arguments: expected an array, got ${describeValue(args)}`);
  }
  return handler(store, args);
}
