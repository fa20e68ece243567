/** Sessions and requests for the contract: complete and valid, with only what a test is about spelled out in it. */
import { randomUUID } from 'node:crypto';
import type {
  CommitRequest,
  NewSession,
  ParkedCounters,
  ParkRequest,
  RebindRequest,
  ResumeRequest,
  TailEntry,
} from '../session-store.js';
import { LONG_MS } from './pair.js';

export function newSession(fields: Partial<NewSession> = {}): NewSession {
  return {
    sessionId: randomUUID(),
    pool: 'chat',
    principal: '',
    backendId: 'b1',
    backendIncarnation: 'i1',
    workerId: 'w1',
    ttlMs: LONG_MS,
    ...fields,
  };
}

export function resumeOf({ sessionId, principal }: NewSession, fields: Partial<ResumeRequest> = {}): ResumeRequest {
  return { sessionId, principal, workerId: 'w1', ttlMs: LONG_MS, hint: { generation: 1 }, ...fields };
}

export function rebindOf({ sessionId }: NewSession, fields: Partial<RebindRequest> = {}): RebindRequest {
  const owner = { backendId: 'b2', backendIncarnation: 'i2', workerId: 'w1' };
  return { sessionId, expectedGeneration: 1, ...owner, ttlMs: LONG_MS, ...fields };
}

export function parkOf({ sessionId }: NewSession, fields: Partial<ParkRequest> = {}): ParkRequest {
  return { sessionId, generation: 1, entries: [], counters: counters(), windowMs: LONG_MS, ...fields };
}

export function commitOf({ sessionId }: NewSession, fields: Partial<CommitRequest> = {}): CommitRequest {
  return { sessionId, generation: 1, handled: 1, state: 'state', ttlMs: LONG_MS, ...fields };
}

export function counters(fields: Partial<ParkedCounters> = {}): ParkedCounters {
  const numbers = { handled: 0, received: 0, lastDown: 0, ackedDown: 0 };
  return { ...numbers, isComplete: false, state: undefined, ...fields };
}

/** Texts that say their number, from `first` to `last`. */
export function entriesOf(first: number, last: number): readonly TailEntry[] {
  return Array.from({ length: last - first + 1 }, (_, i) => entryOf(first + i, `message ${first + i}`));
}

export function entryOf(n: number, data: string | Uint8Array): TailEntry {
  return { n, isBinary: typeof data !== 'string', data: typeof data === 'string' ? Buffer.from(data) : data };
}
