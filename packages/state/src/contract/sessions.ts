/**
 * What every engine must show of sessions: who owns them and who is fenced off. Parking has a suite of its own
 * (parking.ts). Each test has sessions of its own, so that they can run against a store that others use.
 */
import { expect, it, vi } from 'vitest';
import {
  MAX_GENERATION,
  MAX_ID_BYTES,
  MAX_PRINCIPAL_BYTES,
  MAX_STATE_BYTES,
  type NewSession,
  type SessionStore,
} from '../session-store.js';
import { SHORT_MS, WAIT, type Pair } from './pair.js';
import { describeParking } from './parking.js';
import { commitOf, entriesOf, newSession, parkOf, rebindOf, resumeOf } from './session-fixtures.js';

export function describeSessions(pair: Pair): void {
  const stores = (): readonly [SessionStore, SessionStore] => [pair()[0].sessions, pair()[1].sessions];
  describeCreation(stores);
  describeOutages(stores);
  describeResuming(stores);
  describeRebinding(stores);
  describeCommits(stores);
  describeRemoval(stores);
  describeLives(stores);
  describeRefusals(() => stores()[0]);
  describeParking(stores);
}

type Stores = () => readonly [SessionStore, SessionStore];

function describeCreation(stores: Stores): void {
  it('shows a new session to other workers, with generation 1', async () => {
    const [one, two] = stores();
    const session = newSession({ principal: 'ž🐎', backendId: 'b {1}:ž' });
    expect(await one.create(session)).toBe('created');
    const { ttlMs: _, ...written } = session;
    const rest = { generation: 1, checkpoint: undefined, parked: undefined };
    expect(await two.lookup(session.sessionId)).toEqual({ ...written, ...rest });
  });

  it('does not know a session that nobody created', async () => {
    expect(await stores()[0].lookup('nobody')).toBeUndefined();
  });

  it('lets one of two creators have an id, and leaves the session as the first one wrote it', async () => {
    const [one, two] = stores();
    const session = newSession();
    const outcomes = await Promise.all([one.create(session), two.create({ ...session, workerId: 'w2' })]);
    expect(outcomes.toSorted()).toEqual(['created', 'taken']);
    const winner = outcomes[0] === 'created' ? 'w1' : 'w2';
    expect(await one.lookup(session.sessionId)).toMatchObject({ workerId: winner, generation: 1 });
  });

  it('keeps sessions with ids of any characters apart', async () => {
    const [one, two] = stores();
    const ids = ['a{b', 'a}b', 'a:b', 'a%3Ab', '{}', ' ', '__proto__', 'ž🐎', 'x'.repeat(MAX_ID_BYTES)];
    await Promise.all(ids.map((sessionId) => one.create(newSession({ sessionId, backendId: `of ${sessionId}` }))));
    const found = await Promise.all(ids.map((sessionId) => two.lookup(sessionId)));
    expect(found.map((record) => record?.backendId)).toEqual(ids.map((sessionId) => `of ${sessionId}`));
  });
}

function describeOutages(stores: Stores): void {
  it('writes a session that lived through an outage down with its generation', async () => {
    const [one, two] = stores();
    const session = newSession({ minGeneration: 7 });
    expect(await one.create(session)).toBe('created');
    expect(await two.lookup(session.sessionId)).toMatchObject({ generation: 7 });
  });

  it('overwrites a lower generation, drops what was parked for it, and keeps its checkpoint', async () => {
    const [one, two] = stores();
    const session = newSession();
    await one.create(session);
    await one.commit(commitOf(session, { handled: 3, state: 's' }));
    const entries = entriesOf(1, 2);
    await one.park(parkOf(session, { entries }));
    expect(await two.create({ ...session, backendId: 'b2', workerId: 'w2', minGeneration: 4 })).toBe('created');
    const checkpoint = { handled: 3, state: 's' };
    const owner = { backendId: 'b2', workerId: 'w2', generation: 4 };
    expect(await one.lookup(session.sessionId)).toMatchObject({ ...owner, checkpoint, parked: undefined });
    expect(await one.readTail(session.sessionId, 0)).toEqual([]);
  });

  it('takes the same write of an outage twice, and refuses it from another owner or below the stored generation', async () => {
    const [one, two] = stores();
    const session = newSession({ minGeneration: 4 });
    await one.create(session);
    expect(await one.create(session)).toBe('created');
    expect(await two.create({ ...session, workerId: 'w2' })).toBe('taken');
    expect(await two.create({ ...session, backendIncarnation: 'other' })).toBe('taken');
    expect(await one.create({ ...session, minGeneration: 3 })).toBe('taken');
    expect(await one.create({ ...session, minGeneration: undefined })).toBe('taken');
    expect(await one.lookup(session.sessionId)).toMatchObject({ generation: 4, workerId: 'w1' });
  });
}

function describeResuming(stores: Stores): void {
  it('gives a client that comes back to a worker that claims it, above every generation that was', async () => {
    const [one, two] = stores();
    const session = newSession();
    await one.create(session);
    const outcome = await two.resume(resumeOf(session, { workerId: 'w2' }));
    expect(outcome).toMatchObject({ kind: 'resumed', generation: 2, previousGeneration: 1 });
    expect(outcome).toMatchObject({ record: { generation: 2, workerId: 'w2', backendId: session.backendId } });
    expect(await one.lookup(session.sessionId)).toEqual(outcome.kind === 'resumed' ? outcome.record : 'no record');
  });

  it('stays above the generation of the token where the store knows a lower one', async () => {
    const [one] = stores();
    const session = newSession();
    await one.create(session);
    const outcome = await one.resume(resumeOf(session, { hint: { generation: 41 } }));
    expect(outcome).toMatchObject({ kind: 'resumed', generation: 42, previousGeneration: 1 });
    // As exact at the far end: text and number conversions of an engine must not round.
    const far = await one.resume(resumeOf(session, { hint: { generation: MAX_GENERATION - 2 } }));
    expect(far).toMatchObject({ kind: 'resumed', generation: MAX_GENERATION - 1 });
    expect(await one.resume(resumeOf(session))).toMatchObject({ generation: MAX_GENERATION });
  });

  it('gives each of many that resume at once a generation of its own, and the record to the highest', async () => {
    const [one, two] = stores();
    const session = newSession();
    await one.create(session);
    const resumes = Array.from({ length: 20 }, (_, i) =>
      (i % 2 ? one : two).resume(resumeOf(session, { workerId: `w${i}` })),
    );
    const outcomes = await Promise.all(resumes);
    const generations = outcomes.map((outcome) => (outcome.kind === 'resumed' ? outcome.generation : 0));
    expect(generations.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 2));
    const last = generations.indexOf(21);
    expect(await one.lookup(session.sessionId)).toMatchObject({ generation: 21, workerId: `w${last}` });
  });

  it('does not give a session to another principal, and changes nothing of it', async () => {
    const [one, two] = stores();
    const session = newSession({ principal: 'alice' });
    await one.create(session);
    const before = await one.lookup(session.sessionId);
    for (const principal of ['mallory', '']) {
      expect(await two.resume(resumeOf(session, { principal }))).toEqual({ kind: 'forbidden' });
    }
    expect(await one.lookup(session.sessionId)).toEqual(before);
  });

  it('does not resume what it does not know', async () => {
    expect(await stores()[0].resume(resumeOf(newSession()))).toEqual({ kind: 'unknown' });
  });
}

function describeRebinding(stores: Stores): void {
  it('moves a session to another backend and raises its generation', async () => {
    const [one, two] = stores();
    const session = newSession();
    await one.create(session);
    const outcome = await two.rebind(rebindOf(session, { backendId: 'b2', workerId: 'w2' }));
    expect(outcome).toMatchObject({ kind: 'rebound', generation: 2, record: { backendId: 'b2', workerId: 'w2' } });
    expect(await one.lookup(session.sessionId)).toEqual(outcome.kind === 'rebound' ? outcome.record : 'no record');
  });

  it('lets one of many that rebind at once move it, and tells the others the generation', async () => {
    const [one, two] = stores();
    const session = newSession();
    await one.create(session);
    const rebinds = Array.from({ length: 10 }, (_, i) =>
      (i % 2 ? one : two).rebind(rebindOf(session, { backendId: `b${i}` })),
    );
    const outcomes = await Promise.all(rebinds);
    expect(outcomes.filter(({ kind }) => kind === 'rebound')).toHaveLength(1);
    expect(outcomes.filter(({ kind }) => kind === 'fenced')).toEqual(
      Array.from({ length: 9 }, () => ({ kind: 'fenced', generation: 2 })),
    );
    const winner = outcomes.findIndex(({ kind }) => kind === 'rebound');
    expect(await one.lookup(session.sessionId)).toMatchObject({ backendId: `b${winner}`, generation: 2 });
  });

  it('fences a worker off that somebody else has claimed the session from', async () => {
    const [one, two] = stores();
    const session = newSession();
    await one.create(session);
    await two.resume(resumeOf(session));
    expect(await one.rebind(rebindOf(session))).toEqual({ kind: 'fenced', generation: 2 });
    expect(await one.rebind(rebindOf(newSession()))).toEqual({ kind: 'unknown' });
  });

  it('believes a worker that holds a higher generation than the store', async () => {
    const [one] = stores();
    const session = newSession();
    await one.create(session);
    expect(await one.rebind(rebindOf(session, { expectedGeneration: 5 }))).toMatchObject({ generation: 6 });
    expect(await one.lookup(session.sessionId)).toMatchObject({ generation: 6 });
  });
}

function describeCommits(stores: Stores): void {
  it('keeps state and handled number together, of the last commit', async () => {
    const [one, two] = stores();
    const session = newSession();
    await one.create(session);
    const state = `ž"\u0000${'🐎'.repeat(500)}`;
    expect(await one.commit(commitOf(session, { handled: 5, state: 'first' }))).toBe('committed');
    expect(await one.commit(commitOf(session, { handled: Number.MAX_SAFE_INTEGER, state }))).toBe('committed');
    const checkpoint = { handled: Number.MAX_SAFE_INTEGER, state };
    expect(await two.lookup(session.sessionId)).toMatchObject({ checkpoint });
    expect(await two.resume(resumeOf(session))).toMatchObject({ record: { checkpoint } });
  });

  it('takes a commit twice, and the largest and the empty state', async () => {
    const [one] = stores();
    const session = newSession();
    await one.create(session);
    for (const state of ['', '', 'x'.repeat(MAX_STATE_BYTES)]) {
      expect(await one.commit(commitOf(session, { state }))).toBe('committed');
      expect(await one.lookup(session.sessionId)).toMatchObject({ checkpoint: { state } });
    }
  });

  it('refuses a commit of an older owner, and one whose handled number goes back', async () => {
    const [one, two] = stores();
    const session = newSession();
    await one.create(session);
    await one.commit(commitOf(session, { handled: 5, state: 'five' }));
    expect(await one.commit(commitOf(session, { handled: 4, state: 'four' }))).toBe('fenced');
    await two.resume(resumeOf(session));
    expect(await one.commit(commitOf(session, { handled: 6, state: 'six' }))).toBe('fenced');
    expect(await one.lookup(session.sessionId)).toMatchObject({ checkpoint: { handled: 5, state: 'five' } });
    expect(await two.commit(commitOf(session, { generation: 2, handled: 6, state: 'six' }))).toBe('committed');
  });

  it('does not commit to what it does not know', async () => {
    const [one] = stores();
    const session = newSession();
    expect(await one.commit(commitOf(session))).toBe('unknown');
    expect(await one.lookup(session.sessionId)).toBeUndefined();
  });
}

function describeRemoval(stores: Stores): void {
  it('removes a session for its owner, and not for an older one', async () => {
    const [one, two] = stores();
    const session = newSession();
    await one.create(session);
    await two.resume(resumeOf(session));
    expect(await one.remove(session.sessionId, 1)).toBe('fenced');
    expect(await two.remove(session.sessionId, 2)).toBe('removed');
    expect(await one.lookup(session.sessionId)).toBeUndefined();
    expect(await two.remove(session.sessionId, 2)).toBe('unknown');
  });
}

function describeLives(stores: Stores): void {
  const gone = (session: NewSession) =>
    vi.waitFor(async () => expect(await stores()[0].lookup(session.sessionId)).toBeUndefined(), WAIT);

  it('forgets a session when its time is over, and gives its id away again', async () => {
    const [one] = stores();
    const session = newSession({ ttlMs: SHORT_MS });
    await one.create(session);
    await gone(session);
    expect(await one.resume(resumeOf(session))).toEqual({ kind: 'unknown' });
    expect(await one.create({ ...session, workerId: 'w2' })).toBe('created');
  });

  it('starts its life anew with each claim and commit', async () => {
    const [one] = stores();
    const [resumed, rebound, committed, clock] = Array.from({ length: 4 }, () => newSession({ ttlMs: SHORT_MS }));
    if (!resumed || !rebound || !committed || !clock) throw new Error('four sessions');
    await Promise.all([resumed, rebound, committed].map((session) => one.create(session)));
    await Promise.all([one.resume(resumeOf(resumed)), one.rebind(rebindOf(rebound)), one.commit(commitOf(committed))]);
    await one.create(clock);
    await gone(clock);
    for (const { sessionId } of [resumed, rebound, committed]) expect(await one.lookup(sessionId)).toBeDefined();
  });
}

function describeRefusals(store: () => SessionStore): void {
  const session = newSession();
  const long = 'x'.repeat(MAX_ID_BYTES + 1);

  it.each<[string, (sessions: SessionStore) => Promise<unknown>]>([
    ['an empty session id', (sessions) => sessions.create({ ...session, sessionId: '' })],
    ['a session id that is too long', (sessions) => sessions.lookup(long)],
    ['an empty pool', (sessions) => sessions.create({ ...session, pool: '' })],
    ['a principal that is too long', (sessions) => sessions.create({ ...session, principal: 'é'.repeat(65) })],
    ['a principal that is not Unicode', (sessions) => sessions.resume(resumeOf(session, { principal: '\ud800' }))],
    ['an empty backend id', (sessions) => sessions.rebind(rebindOf(session, { backendId: '' }))],
    ['an incarnation that is too long', (sessions) => sessions.create({ ...session, backendIncarnation: long })],
    ['an empty worker id', (sessions) => sessions.create({ ...session, workerId: '' })],
    ['no time to live', (sessions) => sessions.create({ ...session, ttlMs: 0 })],
    ['generation 0', (sessions) => sessions.create({ ...session, minGeneration: 0 })],
    ['a hint beyond all generations', (sessions) => sessions.resume(resumeOf(session, hintOf(MAX_GENERATION + 1)))],
    ['half a generation', (sessions) => sessions.remove(session.sessionId, 1.5)],
    ['a negative handled number', (sessions) => sessions.commit(commitOf(session, { handled: -1 }))],
    [
      'too much state',
      (sessions) => sessions.commit(commitOf(session, { state: 'é'.repeat(MAX_STATE_BYTES / 2 + 1) })),
    ],
    ['a request that is none', (sessions) => sessions.park(undefined as never)],
  ])('refuses %s', async (_, call) => {
    await expect(call(store())).rejects.toMatchObject({ code: 'STATE_INVALID_ARGUMENT', retryable: false });
  });

  it('takes the longest principal', async () => {
    const longest = newSession({ principal: 'é'.repeat(MAX_PRINCIPAL_BYTES / 2) });
    await store().create(longest);
    expect(await store().resume(resumeOf(longest))).toMatchObject({ kind: 'resumed' });
  });
}

function hintOf(generation: number): { hint: { generation: number } } {
  return { hint: { generation } };
}
