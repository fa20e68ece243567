/**
 * What every engine demands of the arguments of SessionStore and LeaseStore. As in arguments.ts, the values may come over
 * IPC, hence `unknown`. Each check answers a new object of known fields only, so that nothing else is stored or sent on.
 */
import {
  checkBackendId,
  checkInteger,
  checkStored,
  checkText,
  checkTextOrEmpty,
  checkTtlMs,
  invalid,
} from './arguments.js';
import { LEASE_KINDS, MAX_LEASE_INFO_BYTES, type Lease, type LeaseKind } from './lease-store.js';
import {
  MAX_GENERATION,
  MAX_ID_BYTES,
  MAX_PRINCIPAL_BYTES,
  MAX_STATE_BYTES,
  MAX_TAIL_ENTRIES,
  type CommitRequest,
  type NewSession,
  type ParkedCounters,
  type ParkRequest,
  type RebindRequest,
  type ResumeRequest,
  type TailEntry,
} from './session-store.js';
import { MAX_POOL_BYTES } from './shared-state.js';

export function checkNewSession(value: unknown): NewSession {
  const { sessionId, pool, principal, ttlMs, minGeneration, ...owner } = fieldsOf(value, 'session');
  return {
    sessionId: checkId(sessionId, 'session id'),
    pool: checkStored(checkText(pool, 'pool name', MAX_POOL_BYTES), 'pool name'),
    principal: checkPrincipal(principal),
    ...checkBackend(owner),
    ...checkWorker(owner),
    ttlMs: checkTtlMs(ttlMs),
    minGeneration: minGeneration === undefined ? undefined : checkGeneration(minGeneration, 'minGeneration'),
  };
}

export function checkResumeRequest(value: unknown): ResumeRequest {
  const { sessionId, principal, ttlMs, hint, ...owner } = fieldsOf(value, 'resume request');
  const { generation } = fieldsOf(hint, 'hint');
  return {
    sessionId: checkId(sessionId, 'session id'),
    principal: checkPrincipal(principal),
    ...checkWorker(owner),
    ttlMs: checkTtlMs(ttlMs),
    hint: { generation: checkGeneration(generation, 'hint.generation') },
  };
}

export function checkRebindRequest(value: unknown): RebindRequest {
  const { sessionId, expectedGeneration, ttlMs, ...owner } = fieldsOf(value, 'rebind request');
  return {
    sessionId: checkId(sessionId, 'session id'),
    expectedGeneration: checkGeneration(expectedGeneration, 'expectedGeneration'),
    ...checkBackend(owner),
    ...checkWorker(owner),
    ttlMs: checkTtlMs(ttlMs),
  };
}

export function checkParkRequest(value: unknown): ParkRequest {
  const { sessionId, generation, entries, counters, windowMs } = fieldsOf(value, 'park request');
  return {
    sessionId: checkId(sessionId, 'session id'),
    generation: checkGeneration(generation),
    entries: checkEntries(entries),
    counters: checkCounters(counters),
    windowMs: checkTtlMs(windowMs, 'windowMs'),
  };
}

export function checkCommitRequest(value: unknown): CommitRequest {
  const { sessionId, generation, handled, state, ttlMs } = fieldsOf(value, 'commit request');
  return {
    sessionId: checkId(sessionId, 'session id'),
    generation: checkGeneration(generation),
    handled: checkNumber(handled, 'handled'),
    state: checkState(state),
    ttlMs: checkTtlMs(ttlMs),
  };
}

export function checkSessionId(value: unknown): string {
  return checkId(value, 'session id');
}

export function checkGeneration(value: unknown, what = 'generation'): number {
  return checkInteger(value, what, { min: 1, max: MAX_GENERATION });
}

/** A message's number, or how far somebody has got; 0 is before the first. */
export function checkNumber(value: unknown, what: string): number {
  return checkInteger(value, what, { min: 0, max: Number.MAX_SAFE_INTEGER });
}

export function checkCounters(value: unknown): ParkedCounters {
  const { handled, received, lastDown, ackedDown, isComplete, state } = fieldsOf(value, 'counters');
  return {
    handled: checkNumber(handled, 'counters.handled'),
    received: checkNumber(received, 'counters.received'),
    lastDown: checkNumber(lastDown, 'counters.lastDown'),
    ackedDown: checkNumber(ackedDown, 'counters.ackedDown'),
    isComplete: checkBoolean(isComplete, 'counters.isComplete'),
    state: state === undefined ? undefined : checkState(state),
  };
}

/** Their bytes are not counted here: a tail that grows too large is an outcome, not a mistake. */
export function checkEntries(value: unknown): readonly TailEntry[] {
  if (!Array.isArray(value)) throw invalid('entries', 'an array', value);
  if (value.length > MAX_TAIL_ENTRIES) {
    throw invalid('entries', `at most ${MAX_TAIL_ENTRIES}`, value.length);
  }
  let previous: number | undefined;
  // Not `map`, which would pass over holes.
  return Array.from(value, (entry: unknown) => {
    const checked = checkEntry(entry, previous);
    previous = checked.n;
    return checked;
  });
}

export function checkLease(value: unknown): Lease {
  const { ttlMs, ...lease } = fieldsOf(value, 'lease');
  return { ...checkLiveLease(lease), ttlMs: checkTtlMs(ttlMs) };
}

export function checkLiveLease(value: unknown): Omit<Lease, 'ttlMs'> {
  const { id, kind, info } = fieldsOf(value, 'lease');
  if (!LEASE_KINDS.includes(kind as LeaseKind)) throw invalid('lease kind', LEASE_KINDS.join(' or '), kind);
  const text = checkTextOrEmpty(info, 'lease info', MAX_LEASE_INFO_BYTES);
  return { id: checkLeaseId(id), kind: kind as LeaseKind, info: checkStored(text, 'lease info') };
}

export function checkLeaseId(value: unknown): string {
  return checkId(value, 'lease id');
}

export function checkPrincipal(value: unknown): string {
  return checkStored(checkTextOrEmpty(value, 'principal', MAX_PRINCIPAL_BYTES), 'principal');
}

export function checkState(value: unknown): string {
  return checkStored(checkTextOrEmpty(value, 'state', MAX_STATE_BYTES), 'state');
}

export function checkBackend(fields: Fields): { backendId: string; backendIncarnation: string } {
  return {
    backendId: checkBackendId(fields['backendId']),
    backendIncarnation: checkId(fields['backendIncarnation'], 'backend incarnation'),
  };
}

export function checkWorker(fields: Fields): { workerId: string } {
  return { workerId: checkId(fields['workerId'], 'worker id') };
}

export type Fields = Readonly<Record<string, unknown>>;

export function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw invalid(what, 'an object', value);
}

function checkEntry(value: unknown, previous: number | undefined): TailEntry {
  const { n, isBinary, data } = fieldsOf(value, 'entry');
  const checked = checkInteger(n, 'entry number', { min: 1, max: Number.MAX_SAFE_INTEGER });
  if (previous !== undefined && checked !== previous + 1) throw invalid('entry number', String(previous + 1), checked);
  if (!(data instanceof Uint8Array)) throw invalid('entry data', 'bytes', data);
  return { n: checked, isBinary: checkBoolean(isBinary, 'entry.isBinary'), data };
}

export function checkId(value: unknown, what: string): string {
  return checkStored(checkText(value, what, MAX_ID_BYTES), what);
}

export function checkBoolean(value: unknown, what: string): boolean {
  if (typeof value !== 'boolean') throw invalid(what, 'true or false', value);
  return value;
}
