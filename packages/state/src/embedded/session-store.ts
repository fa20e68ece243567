/**
 * EmbeddedSessions: the sessions of one machine, in the memory of the supervisor. Synchronous, so that every operation is
 * atomic by itself; the same rules are written in Lua for Redis (redis/session-scripts.ts), and one contract holds both
 * to them. Records are immutable values that an operation replaces.
 *
 * Two bounds. Sessions: one more evicts the one that was claimed, parked or committed longest ago, which is a quiet living
 * one rather than a parked one, since windows are short; its worker and backend still know it, and its client's
 * token finds them. Bytes of tails and application state: a park over it is 'full', a commit is refused as STATE_UNAVAILABLE.
 */
import { StateError } from '../errors.js';
import {
  MAX_TAIL_BYTES,
  MAX_TAIL_ENTRIES,
  TAIL_GRACE_MS,
  type CommitOutcome,
  type CommitRequest,
  type CreateOutcome,
  type NewSession,
  type Parked,
  type ParkOutcome,
  type ParkRequest,
  type RebindOutcome,
  type RebindRequest,
  type RemoveOutcome,
  type ResumeOutcome,
  type ResumeRequest,
  type SessionRecord,
  type TailEntry,
} from '../session-store.js';
import { ExpiringMap } from './expiring-map.js';
import { EMPTY_TAIL, isLateRepeat, tailWith, type Tail } from './tail.js';

export interface EmbeddedSessionsOptions {
  readonly maxSessions: number;
  readonly maxBytes: number;
}

interface Stored {
  readonly record: SessionRecord;
  readonly tail: Tail;
  /** On the monotonic clock. A tail can end before its record, when that was claimed and the tail was not. */
  readonly tailExpiresAt: number;
}

export class EmbeddedSessions {
  readonly #sessions: ExpiringMap<Stored>;
  readonly #maxBytes: number;
  #bytes = 0;

  constructor({ maxSessions, maxBytes }: EmbeddedSessionsOptions) {
    this.#maxBytes = maxBytes;
    this.#sessions = new ExpiringMap({
      maxEntries: maxSessions,
      onRemoved: (stored) => void (this.#bytes -= bytesOf(stored)),
    });
  }

  /** Expired ones that no sweep has reached yet included. */
  get entries(): number {
    return this.#sessions.size;
  }

  get evicted(): number {
    return this.#sessions.evicted;
  }

  /** Of tails and application state. */
  get bytes(): number {
    return this.#bytes;
  }

  create({ ttlMs, minGeneration = 0, ...fields }: NewSession): CreateOutcome {
    const stored = this.#sessions.get(fields.sessionId)?.record;
    if (stored !== undefined) {
      if (stored.generation > minGeneration) return 'taken';
      if (stored.generation === minGeneration) return isSameOwner(stored, fields) ? 'created' : 'taken';
    }
    const generation = Math.max(1, minGeneration);
    const record = { ...fields, generation, checkpoint: stored?.checkpoint, parked: undefined };
    this.#set({ record, tail: EMPTY_TAIL, tailExpiresAt: 0 }, ttlMs);
    return 'created';
  }

  resume({ sessionId, principal, workerId, ttlMs, hint }: ResumeRequest): ResumeOutcome {
    const stored = this.#sessions.get(sessionId);
    if (stored === undefined) return { kind: 'unknown' };
    if (stored.record.principal !== principal) return { kind: 'forbidden' };
    const previousGeneration = stored.record.generation;
    const generation = Math.max(previousGeneration, hint.generation) + 1;
    const record = { ...stored.record, workerId, generation };
    this.#set({ ...withGrace(stored), record }, ttlMs);
    return { kind: 'resumed', generation, previousGeneration, record };
  }

  rebind({ sessionId, expectedGeneration, ttlMs, ...owner }: RebindRequest): RebindOutcome {
    const stored = this.#sessions.get(sessionId);
    if (stored === undefined) return { kind: 'unknown' };
    if (stored.record.generation > expectedGeneration) return { kind: 'fenced', generation: stored.record.generation };
    const generation = expectedGeneration + 1;
    const record = { ...stored.record, ...owner, generation };
    this.#set({ ...withGrace(stored), record }, ttlMs);
    return { kind: 'rebound', generation, record };
  }

  park({ sessionId, generation, entries, counters, windowMs }: ParkRequest): ParkOutcome | 'hole' {
    const stored = this.#sessions.get(sessionId);
    if (stored === undefined) return 'unknown';
    if (generation < stored.record.generation) return 'fenced';
    const isAppending = stored.record.parked?.generation === generation;
    if (isAppending && isLateRepeat(counters, stored.record.parked)) return 'parked';
    const tail = tailWith(isAppending ? stored.tail : EMPTY_TAIL, entries);
    if (tail === 'hole') return 'hole';
    if (tail.entries.length > MAX_TAIL_ENTRIES || tail.bytes > MAX_TAIL_BYTES) return 'full';
    const parked: Parked = { ...counters, generation };
    const record = { ...stored.record, generation, parked };
    const next = { record, tail, tailExpiresAt: performance.now() + windowMs };
    if (!this.#hasRoomFor(next, stored)) return 'full';
    this.#set(next, windowMs);
    return 'parked';
  }

  readTail(sessionId: string, after: number): readonly TailEntry[] {
    const stored = this.#sessions.get(sessionId);
    return stored === undefined ? [] : liveTail(stored).entries.filter(({ n }) => n > after);
  }

  commit({ sessionId, generation, handled, state, ttlMs }: CommitRequest): CommitOutcome {
    const stored = this.#sessions.get(sessionId);
    if (stored === undefined) return 'unknown';
    const { record } = stored;
    if (generation < record.generation || handled < (record.checkpoint?.handled ?? 0)) return 'fenced';
    const next = { ...stored, record: { ...record, generation, checkpoint: { handled, state } } };
    if (!this.#hasRoomFor(next, stored)) throw this.#isFull(sessionId);
    this.#set(next, record.parked?.generation === generation ? this.#sessions.remainingMs(sessionId) : ttlMs);
    return 'committed';
  }

  lookup(sessionId: string): SessionRecord | undefined {
    return this.#sessions.get(sessionId)?.record;
  }

  remove(sessionId: string, generation: number): RemoveOutcome {
    const stored = this.#sessions.get(sessionId);
    if (stored === undefined) return 'unknown';
    if (generation < stored.record.generation) return 'fenced';
    this.#sessions.delete(sessionId);
    return 'removed';
  }

  close(): void {
    this.#sessions.close();
    this.#bytes = 0;
  }

  #set(stored: Stored, ttlMs: number): void {
    this.#bytes += bytesOf(stored);
    this.#sessions.set(stored.record.sessionId, stored, ttlMs);
  }

  /** What grows nothing is always let in: a full store must still take the counters of those who are in it. */
  #hasRoomFor(next: Stored, previous: Stored): boolean {
    const growth = bytesOf(next) - bytesOf(previous);
    return growth <= 0 || this.#bytes + growth <= this.#maxBytes;
  }

  #isFull(sessionId: string): StateError {
    const expected = `expected the state of session ${sessionId} to fit into ${this.#maxBytes} bytes of all sessions`;
    return new StateError('STATE_UNAVAILABLE', `session.commit: ${expected}, got ${this.#bytes} in use already`);
  }
}

type Owner = Pick<SessionRecord, 'workerId' | 'backendId' | 'backendIncarnation'>;

function isSameOwner(one: Owner, other: Owner): boolean {
  const { workerId, backendId, backendIncarnation } = one;
  return (
    workerId === other.workerId && backendId === other.backendId && backendIncarnation === other.backendIncarnation
  );
}

function liveTail({ tail, tailExpiresAt }: Stored): Tail {
  return tailExpiresAt > performance.now() ? tail : EMPTY_TAIL;
}

/** An expired tail is let go of at the next claim, at the latest. */
function withGrace(stored: Stored): Stored {
  const tail = liveTail(stored);
  const tailExpiresAt = Math.max(stored.tailExpiresAt, performance.now() + TAIL_GRACE_MS);
  return { ...stored, tail, tailExpiresAt };
}

function bytesOf({ record, tail }: Stored): number {
  const { checkpoint, parked } = record;
  return tail.bytes + Buffer.byteLength(checkpoint?.state ?? '') + Buffer.byteLength(parked?.state ?? '');
}
