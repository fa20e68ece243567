/** What every engine must show of parked tails: complete, in order, bounded, and of the last owner only. */
import { expect, it, vi } from 'vitest';
import {
  MAX_STATE_BYTES,
  MAX_TAIL_BYTES,
  MAX_TAIL_ENTRIES,
  type SessionStore,
  type TailEntry,
} from '../session-store.js';
import { LONG_MS, SHORT_MS, WAIT } from './pair.js';
import { commitOf, counters, entriesOf, entryOf, newSession, parkOf, rebindOf, resumeOf } from './session-fixtures.js';

type Stores = () => readonly [SessionStore, SessionStore];

export function describeParking(stores: Stores): void {
  describeTail(stores);
  describeFence(stores);
  describeRepeats(stores);
  describeBounds(stores);
  describeWindow(stores);
  describeRefusals(() => stores()[0]);
}

function describeTail(stores: Stores): void {
  it('gives another worker what was parked, in order, above the number that it asks from', async () => {
    const [one, two] = stores();
    const session = newSession();
    await one.create(session);
    expect(await one.park(parkOf(session, { entries: entriesOf(8, 9) }))).toBe('parked');
    expect(await one.park(parkOf(session, { entries: entriesOf(10, 11) }))).toBe('parked');
    expect(readable(await two.readTail(session.sessionId, 0))).toEqual(readable(entriesOf(8, 11)));
    expect(readable(await two.readTail(session.sessionId, 9))).toEqual(readable(entriesOf(10, 11)));
    expect(await two.readTail(session.sessionId, 11)).toEqual([]);
  });

  it('gives back every byte of texts and binaries, empty ones too', async () => {
    const [one, two] = stores();
    const session = newSession();
    await one.create(session);
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    // A view into a larger buffer, as a message in a batch is.
    const view = new Uint8Array(bytes.buffer, 100, 3);
    const entries = [entryOf(1, bytes), entryOf(2, 'ž🐎\u0000'), entryOf(3, ''), entryOf(4, view), entryOf(5, bytes)];
    await one.park(parkOf(session, { entries }));
    expect(readable(await two.readTail(session.sessionId, 0))).toEqual(readable(entries));
  });

  it('keeps the counters of the last park, for whoever resumes', async () => {
    const [one, two] = stores();
    const session = newSession();
    await one.create(session);
    await one.park(parkOf(session, { counters: counters({ handled: 1, state: 'early' }) }));
    const last = { handled: 2, received: 3, lastDown: Number.MAX_SAFE_INTEGER, ackedDown: 4, isComplete: true };
    await one.park(parkOf(session, { counters: { ...last, state: undefined } }));
    const parked = { ...last, state: undefined, generation: 1 };
    expect(await two.lookup(session.sessionId)).toMatchObject({ parked, generation: 1 });
    expect(await two.resume(resumeOf(session))).toMatchObject({ record: { parked, generation: 2 } });
  });

  it('keeps the parked state, the largest and the empty one too', async () => {
    const [one] = stores();
    const session = newSession();
    await one.create(session);
    for (const state of ['ž"\u0000🐎', '', 'x'.repeat(MAX_STATE_BYTES)]) {
      expect(await one.park(parkOf(session, { counters: counters({ state }) }))).toBe('parked');
      expect(await one.lookup(session.sessionId)).toMatchObject({ parked: { state } });
    }
  });

  it('has no tail of a session that it does not know, or that has parked nothing', async () => {
    const [one] = stores();
    const session = newSession();
    await one.create(session);
    expect(await one.readTail(session.sessionId, 0)).toEqual([]);
    expect(await one.readTail('nobody', 0)).toEqual([]);
    expect(await one.park(parkOf(newSession()))).toBe('unknown');
  });

  it('takes the tail away with the session', async () => {
    const [one] = stores();
    const session = newSession();
    await one.create(session);
    await one.park(parkOf(session, { entries: entriesOf(1, 2) }));
    expect(await one.remove(session.sessionId, 1)).toBe('removed');
    expect(await one.readTail(session.sessionId, 0)).toEqual([]);
    await one.create(session);
    expect(await one.readTail(session.sessionId, 0)).toEqual([]);
  });
}

function describeFence(stores: Stores): void {
  it('refuses an older owner, whoever claimed since, and writes nothing of what it says', async () => {
    const [one, two] = stores();
    const session = newSession();
    await one.create(session);
    await one.park(parkOf(session, { entries: entriesOf(1, 1), counters: counters({ lastDown: 1 }) }));
    await two.resume(resumeOf(session));
    const late = parkOf(session, { entries: entriesOf(2, 2), counters: counters({ lastDown: 2, isComplete: true }) });
    expect(await one.park(late)).toBe('fenced');
    await two.rebind(rebindOf(session, { expectedGeneration: 2 }));
    expect(await one.park({ ...late, generation: 2 })).toBe('fenced');
    expect(await two.lookup(session.sessionId)).toMatchObject({ parked: { generation: 1, lastDown: 1 } });
    expect(readable(await two.readTail(session.sessionId, 0))).toEqual(readable(entriesOf(1, 1)));
  });

  it('begins a new tail with the first park of a new owner', async () => {
    const [one, two] = stores();
    const session = newSession();
    await one.create(session);
    await one.park(parkOf(session, { entries: entriesOf(1, 9), counters: counters({ lastDown: 9, handled: 5 }) }));
    await two.resume(resumeOf(session));
    // What the one before parked is still there to be read.
    expect(await two.readTail(session.sessionId, 0)).toHaveLength(9);
    const anew = { entries: entriesOf(6, 7), counters: counters({ lastDown: 7 }) };
    expect(await two.park(parkOf(session, { generation: 2, ...anew }))).toBe('parked');
    expect(readable(await one.readTail(session.sessionId, 0))).toEqual(readable(entriesOf(6, 7)));
    expect(await one.lookup(session.sessionId)).toMatchObject({ parked: { generation: 2, lastDown: 7, handled: 0 } });
  });

  it('begins anew also with a first park that has no entries', async () => {
    const [one, two] = stores();
    const session = newSession();
    await one.create(session);
    await one.park(parkOf(session, { entries: entriesOf(1, 9) }));
    await two.resume(resumeOf(session));
    await two.park(parkOf(session, { generation: 2 }));
    expect(await one.readTail(session.sessionId, 0)).toEqual([]);
    await two.park(parkOf(session, { generation: 2, entries: entriesOf(6, 7) }));
    expect(readable(await one.readTail(session.sessionId, 0))).toEqual(readable(entriesOf(6, 7)));
  });

  it('believes an owner with a higher generation than the stored, and fences those below from then on', async () => {
    const [one, two] = stores();
    const session = newSession();
    await one.create(session);
    expect(await one.park(parkOf(session, { generation: 5 }))).toBe('parked');
    expect(await two.lookup(session.sessionId)).toMatchObject({ generation: 5, parked: { generation: 5 } });
    expect(await two.park(parkOf(session, { generation: 4 }))).toBe('fenced');
    expect(await two.commit(commitOf(session, { generation: 6 }))).toBe('committed');
    expect(await one.park(parkOf(session, { generation: 5 }))).toBe('fenced');
  });
}

function describeRepeats(stores: Stores): void {
  it('skips what is parked already when a park is repeated', async () => {
    const [one] = stores();
    const session = newSession();
    await one.create(session);
    const first = parkOf(session, { entries: entriesOf(1, 3), counters: counters({ lastDown: 3 }) });
    for (let i = 0; i < 2; i += 1) expect(await one.park(first)).toBe('parked');
    const overlapping = parkOf(session, { entries: entriesOf(2, 5), counters: counters({ lastDown: 5 }) });
    expect(await one.park(overlapping)).toBe('parked');
    expect(readable(await one.readTail(session.sessionId, 0))).toEqual(readable(entriesOf(1, 5)));
  });

  it('does not let a repeat that comes late undo a later park', async () => {
    const [one] = stores();
    const session = newSession();
    await one.create(session);
    const early = parkOf(session, { entries: entriesOf(1, 1), counters: counters({ lastDown: 1, received: 1 }) });
    const late = counters({ lastDown: 2, received: 2, handled: 2, isComplete: true, state: 'last' });
    await one.park(early);
    await one.park(parkOf(session, { entries: entriesOf(2, 2), counters: late }));
    expect(await one.park(early)).toBe('parked');
    expect(await one.park(parkOf(session, { counters: { ...late, isComplete: false } }))).toBe('parked');
    expect(await one.lookup(session.sessionId)).toMatchObject({ parked: { ...late, generation: 1 } });
    expect(await one.readTail(session.sessionId, 0)).toHaveLength(2);
  });

  it('takes a complete park though it has received less: what nobody has begun with is forgotten', async () => {
    const [one] = stores();
    const session = newSession();
    await one.create(session);
    const early = parkOf(session, {
      entries: entriesOf(1, 1),
      counters: counters({ lastDown: 1, received: 7, handled: 5 }),
    });
    const last = counters({ lastDown: 2, received: 6, handled: 6, isComplete: true, state: 'last' });
    await one.park(early);
    expect(await one.park(parkOf(session, { entries: entriesOf(2, 2), counters: last }))).toBe('parked');
    expect(await one.lookup(session.sessionId)).toMatchObject({ parked: { ...last, generation: 1 } });
    await one.park(early);
    expect(await one.lookup(session.sessionId)).toMatchObject({ parked: { ...last, generation: 1 } });
    expect(await one.readTail(session.sessionId, 0)).toHaveLength(2);
  });

  it('never has a hole: refuses entries that do not follow the parked ones', async () => {
    const [one] = stores();
    const session = newSession();
    await one.create(session);
    await one.park(parkOf(session, { entries: entriesOf(1, 2) }));
    await expect(one.park(parkOf(session, { entries: entriesOf(4, 5) }))).rejects.toMatchObject({
      code: 'STATE_INVALID_ARGUMENT',
    });
    expect(await one.readTail(session.sessionId, 0)).toHaveLength(2);
  });
}

function describeBounds(stores: Stores): void {
  it('takes MAX_TAIL_ENTRIES, and nothing of a call that is over', async () => {
    const [one] = stores();
    const session = newSession();
    await one.create(session);
    expect(await one.park(parkOf(session, { entries: entriesOf(1, 600) }))).toBe('parked');
    const over = parkOf(session, { entries: entriesOf(601, 1001), counters: counters({ lastDown: 1001 }) });
    expect(await one.park(over)).toBe('full');
    expect(await one.readTail(session.sessionId, 0)).toHaveLength(600);
    expect(await one.lookup(session.sessionId)).toMatchObject({ parked: { lastDown: 0 } });
    expect(await one.park(parkOf(session, { entries: entriesOf(601, MAX_TAIL_ENTRIES) }))).toBe('parked');
    expect(await one.readTail(session.sessionId, 0)).toHaveLength(MAX_TAIL_ENTRIES);
    // What is parked already does not count twice, and counters alone always find room.
    expect(await one.park(parkOf(session, { entries: entriesOf(500, MAX_TAIL_ENTRIES) }))).toBe('parked');
    expect(await one.park(parkOf(session, { counters: counters({ handled: 1 }) }))).toBe('parked');
  });

  it('takes MAX_TAIL_BYTES, and nothing of a call that is over', async () => {
    const [one, two] = stores();
    const session = newSession();
    await one.create(session);
    const half = new Uint8Array(MAX_TAIL_BYTES / 2).fill(7);
    expect(await one.park(parkOf(session, { entries: [entryOf(1, half)] }))).toBe('parked');
    expect(await one.park(parkOf(session, { entries: [entryOf(2, 'x'), entryOf(3, half)] }))).toBe('full');
    expect(await one.park(parkOf(session, { entries: [entryOf(2, half)] }))).toBe('parked');
    expect(await one.park(parkOf(session, { entries: [entryOf(3, 'x')] }))).toBe('full');
    expect(readable(await two.readTail(session.sessionId, 1))).toEqual(readable([entryOf(2, half)]));
    // A new owner's tail begins with nothing in it.
    await two.resume(resumeOf(session));
    expect(await two.park(parkOf(session, { generation: 2, entries: [entryOf(3, half)] }))).toBe('parked');
  });
}

function describeWindow(stores: Stores): void {
  const gone = (sessionId: string) =>
    vi.waitFor(async () => expect(await stores()[0].lookup(sessionId)).toBeUndefined(), WAIT);

  it('forgets record and tail when the window is over, also when its backend goes on to commit', async () => {
    const [one] = stores();
    const session = newSession();
    await one.create(session);
    await one.park(parkOf(session, { entries: entriesOf(1, 2), windowMs: SHORT_MS }));
    expect(await one.commit(commitOf(session))).toBe('committed');
    await gone(session.sessionId);
    await vi.waitFor(async () => expect(await one.readTail(session.sessionId, 0)).toEqual([]), WAIT);
  });

  it('lives on when it is claimed in time, and its tail can still be read', async () => {
    const [one, two] = stores();
    const sessions = [newSession(), newSession()] as const;
    const clock = newSession();
    for (const session of sessions) {
      await one.create(session);
      await one.park(parkOf(session, { entries: entriesOf(1, 2), windowMs: SHORT_MS }));
    }
    expect(await two.resume(resumeOf(sessions[0]))).toMatchObject({ kind: 'resumed' });
    expect(await two.rebind(rebindOf(sessions[1]))).toMatchObject({ kind: 'rebound' });
    await one.create({ ...clock, ttlMs: SHORT_MS });
    await gone(clock.sessionId);
    for (const { sessionId } of sessions) {
      expect(await one.lookup(sessionId)).toMatchObject({ generation: 2 });
      expect(await one.readTail(sessionId, 0)).toHaveLength(2);
    }
  });

  it('starts the window anew with each park', async () => {
    const [one] = stores();
    const [session, clock] = [newSession(), newSession({ ttlMs: SHORT_MS })];
    await one.create(session);
    await one.park(parkOf(session, { entries: entriesOf(1, 1), windowMs: SHORT_MS }));
    await one.park(parkOf(session, { entries: entriesOf(2, 2), windowMs: LONG_MS }));
    await one.create(clock);
    await gone(clock.sessionId);
    expect(await one.readTail(session.sessionId, 0)).toHaveLength(2);
  });
}

function describeRefusals(store: () => SessionStore): void {
  const session = newSession();

  it.each<[string, (sessions: SessionStore) => Promise<unknown>]>([
    ['message number 0', (sessions) => sessions.park(parkOf(session, { entries: [entryOf(0, 'x')] }))],
    ['a repeat', (sessions) => sessions.park(parkOf(session, { entries: [entryOf(1, 'x'), entryOf(1, 'x')] }))],
    ['a gap', (sessions) => sessions.park(parkOf(session, { entries: [entryOf(1, 'x'), entryOf(3, 'x')] }))],
    ['more than any tail holds', (sessions) => sessions.park(parkOf(session, { entries: entriesOf(1, 1001) }))],
    ['data that is no bytes', (sessions) => sessions.park(parkOf(session, { entries: [badEntry({ data: 'x' })] }))],
    ['a kind that is none', (sessions) => sessions.park(parkOf(session, { entries: [badEntry({ isBinary: 1 })] }))],
    ['a window of nothing', (sessions) => sessions.park(parkOf(session, { windowMs: 0 }))],
    ['counters that are none', (sessions) => sessions.park(parkOf(session, { counters: undefined as never }))],
    ['a counter below 0', (sessions) => sessions.park(parkOf(session, { counters: counters({ ackedDown: -1 }) }))],
    [
      'state that is not Unicode',
      (sessions) => sessions.park(parkOf(session, { counters: counters({ state: '\udc00' }) })),
    ],
    ['a tail from below 0', (sessions) => sessions.readTail(session.sessionId, -1)],
  ])('refuses to park or read %s', async (_, call) => {
    await expect(call(store())).rejects.toMatchObject({ code: 'STATE_INVALID_ARGUMENT', retryable: false });
  });
}

function badEntry(fields: object): TailEntry {
  return { ...entryOf(1, 'x'), ...fields };
}

/** So that a Buffer and any other Uint8Array of the same bytes are equal. */
function readable(entries: readonly TailEntry[]): readonly object[] {
  return entries.map(({ data, ...entry }) => ({ ...entry, data: Buffer.from(data).toString('base64') }));
}
