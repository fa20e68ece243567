import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { commitOf, counters, entryOf, newSession, parkOf, rebindOf, resumeOf } from '../contract/session-fixtures.js';
import { EmbeddedSessions, type EmbeddedSessionsOptions } from './session-store.js';

const TTL_MS = 1000;

describe('EmbeddedSessions', () => {
  let open: EmbeddedSessions[] = [];
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => {
    for (const store of open) store.close();
    open = [];
    vi.useRealTimers();
  });

  function storeOf(options: Partial<EmbeddedSessionsOptions> = {}): EmbeddedSessions {
    const store = new EmbeddedSessions({ maxSessions: 10, maxBytes: 1000, ...options });
    open.push(store);
    return store;
  }

  it('hides a session at the moment that its time is over, and gives its memory back without being asked', () => {
    const store = storeOf();
    const session = newSession({ ttlMs: TTL_MS });
    store.create(session);
    store.park(parkOf(session, { entries: [entryOf(1, 'four')], windowMs: TTL_MS }));
    vi.advanceTimersByTime(TTL_MS - 1);
    expect(store.lookup(session.sessionId)).toBeDefined();
    vi.advanceTimersByTime(1);
    expect(store.lookup(session.sessionId)).toBeUndefined();
    expect(store.readTail(session.sessionId, 0)).toEqual([]);
    vi.advanceTimersByTime(60_000);
    expect(store).toMatchObject({ entries: 0, bytes: 0, evicted: 0 });
  });

  it('evicts the session that changed longest ago when it is full, and counts it', () => {
    const store = storeOf({ maxSessions: 3 });
    const [quiet, parked, resumed, late] = [newSession(), newSession(), newSession(), newSession()];
    for (const session of [parked, resumed, quiet]) store.create(session);
    store.park(parkOf(parked));
    store.resume(resumeOf(resumed));
    expect(store.create(late)).toBe('created');
    const left = [quiet, parked, resumed, late].filter(({ sessionId }) => store.lookup(sessionId) !== undefined);
    expect(left).toEqual([parked, resumed, late]);
    expect(store).toMatchObject({ entries: 3, evicted: 1 });
  });

  it('evicts nothing for a session that it has already', () => {
    const store = storeOf({ maxSessions: 1 });
    const session = newSession();
    store.create(session);
    store.rebind(rebindOf(session));
    store.commit(commitOf(session, { generation: 2 }));
    expect(store).toMatchObject({ entries: 1, evicted: 0 });
  });

  it('counts the bytes of tails and states, and forgets them with what they were of', () => {
    const store = storeOf();
    const session = newSession();
    store.create(session);
    store.park(
      parkOf(session, { entries: [entryOf(1, 'four'), entryOf(2, 'two')], counters: counters({ state: 'é' }) }),
    );
    expect(store.bytes).toBe(4 + 3 + 2);
    store.commit(commitOf(session, { state: 'check' }));
    expect(store.bytes).toBe(9 + 5);
    store.resume(resumeOf(session));
    expect(store.bytes).toBe(14);
    // A new owner's first park begins anew.
    store.park(parkOf(session, { generation: 2, entries: [entryOf(3, 'x')] }));
    expect(store.bytes).toBe(1 + 5);
    store.create({ ...session, minGeneration: 9 });
    expect(store.bytes).toBe(5);
    store.remove(session.sessionId, 9);
    expect(store.bytes).toBe(0);
  });

  it('is full for parks beyond its bytes, but not for those that need no more room', () => {
    const store = storeOf({ maxBytes: 10 });
    const [one, two] = [newSession(), newSession()];
    store.create(one);
    store.create(two);
    expect(store.park(parkOf(one, { entries: [entryOf(1, '12345678')] }))).toBe('parked');
    expect(store.park(parkOf(two, { entries: [entryOf(1, '123')] }))).toBe('full');
    expect(store.lookup(two.sessionId)).toMatchObject({ parked: undefined });
    expect(store.park(parkOf(two, { entries: [entryOf(1, '12')] }))).toBe('parked');
    expect(store.park(parkOf(one, { counters: counters({ handled: 1 }) }))).toBe('parked');
    store.remove(one.sessionId, 1);
    expect(store.park(parkOf(two, { entries: [entryOf(2, '12345678')] }))).toBe('parked');
  });

  it('refuses a commit beyond its bytes as something that can succeed later', () => {
    const store = storeOf({ maxBytes: 4 });
    const session = newSession();
    store.create(session);
    expect(() => store.commit(commitOf(session, { state: 'large' }))).toThrow(
      expect.objectContaining({ code: 'STATE_UNAVAILABLE', retryable: true }),
    );
    expect(store.commit(commitOf(session, { state: 'fits' }))).toBe('committed');
    expect(store.commit(commitOf(session, { state: 'same' }))).toBe('committed');
  });

  it('keeps bytes of its own: what was parked may be part of a buffer that its owner uses again', () => {
    const store = storeOf();
    const session = newSession();
    store.create(session);
    for (const batch of [Buffer.from('before'), new Uint8Array(Buffer.from('before'))]) {
      const n = store.readTail(session.sessionId, 0).length + 1;
      store.park(parkOf(session, { entries: [entryOf(n, batch.subarray(0, 3))] }));
      batch.fill(0);
      expect(Buffer.from(store.readTail(session.sessionId, n - 1)[0]?.data ?? []).toString()).toBe('bef');
    }
  });

  it('lets a tail end before its session when that is claimed and nobody parks again', () => {
    const store = storeOf();
    const session = newSession();
    store.create(session);
    store.park(parkOf(session, { entries: [entryOf(1, 'four')], windowMs: TTL_MS }));
    store.resume(resumeOf(session, { ttlMs: 1_000_000 }));
    vi.advanceTimersByTime(59_999);
    expect(store.readTail(session.sessionId, 0)).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(store.readTail(session.sessionId, 0)).toEqual([]);
    store.resume(resumeOf(session));
    expect(store.bytes).toBe(0);
  });

  it('does not make a session live longer by committing what it has parked', () => {
    const store = storeOf();
    const session = newSession();
    store.create(session);
    store.park(parkOf(session, { windowMs: TTL_MS }));
    vi.advanceTimersByTime(TTL_MS / 2);
    store.commit(commitOf(session, { ttlMs: 1_000_000 }));
    vi.advanceTimersByTime(TTL_MS / 2);
    expect(store.lookup(session.sessionId)).toBeUndefined();
  });
});
