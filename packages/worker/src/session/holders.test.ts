import { TrunkKind, type OpenCause, type TailEntry } from '@holdfast/protocol';
import { describe, expect, it } from 'vitest';
import type { ReceivedOpen, ScriptedBackend } from '../trunk/testing/scripted-backend.js';
import {
  claimElsewhere,
  holdAnswer,
  holderOf,
  otherThan,
  resuming,
  settle,
  stage,
  useScene,
  welcomed,
} from './testing/scene.js';
import type { Stage } from './testing/stage.js';

useScene();

const COUNTERS = { handled: 4, received: 5, lastDown: 3, ackedDown: 2 };
const TAIL: readonly TailEntry[] = [{ n: 3, isBinary: false, data: Buffer.from('three') }];
/** All that a moving session is asked for. */
const RETRIES_MS = 3500;

/** Its client has lost the connection. */
async function away(here: Stage) {
  const client = await welcomed(here);
  const holder = holderOf(here, client);
  client.vanish();
  await settle();
  const { session, token } = client.welcome;
  return { ...holder, session, token };
}

/** Its client has lost the connection, and the record says that somebody has moved it since: the token is behind. */
async function moved(here: Stage) {
  const { session, token, ...from } = await away(here);
  const to = { backend: otherThan(here, from.id), id: from.id === 'b1' ? 'b2' : 'b1' };
  const owner = { backendId: to.id, backendIncarnation: to.backend.incarnation, workerId: 'another' };
  const rebind = { sessionId: session, expectedGeneration: 1, ...owner, ttlMs: 60_000 };
  expect(here.store.sessions.rebind(rebind)).toMatchObject({ kind: 'rebound', generation: 2 });
  return { session, token, from, to };
}

/** As when the open of whoever moved it arrives: without a connection. */
function arrive(backend: ScriptedBackend, session: string): void {
  backend.held.set(session, { generation: 2, trunk: backend.trunk, stream: 0 });
}

function opensOf(here: Stage, cause: OpenCause): readonly ReceivedOpen[] {
  return [...here.backends.values()].flatMap(({ opens }) => opens).filter(({ open }) => open.cause === cause);
}

function active(here: Stage, id: string): number | undefined {
  return here.pool.find(id)?.active;
}

describe('a resume by a token that is behind the record', () => {
  it('waits for the backend that the session is moved to', async () => {
    const here = stage();
    const { session, token, from, to } = await moved(here);
    from.backend.held.delete(session);
    const client = await resuming(here, token);
    await settle(180);
    expect(client.received).toEqual([]);
    arrive(to.backend, session);
    await settle(500);
    expect(client.welcome).toMatchObject({ resumed: true, session });
    expect(holderOf(here, client).id).toBe(to.id);
    const { generation } = client.welcome;
    expect(here.store.sessions.lookup(session)).toMatchObject({ backendId: to.id, generation });
    expect(to.backend.opens.at(-1)?.open).toMatchObject({ cause: 'resume', generation });
    expect([active(here, from.id), active(here, to.id)]).toEqual([0, 1]);
  });

  it('goes on where the session was when it has not got any further, and writes that down', async () => {
    const here = stage();
    const { session, token, from, to } = await moved(here);
    const client = await resuming(here, token);
    await settle(500);
    expect(client.welcome).toMatchObject({ resumed: true, session });
    expect(holderOf(here, client).id).toBe(from.id);
    const { generation } = client.welcome;
    expect(here.store.sessions.lookup(session)).toMatchObject({
      backendId: from.id,
      backendIncarnation: from.backend.incarnation,
      generation,
    });
    expect([active(here, from.id), active(here, to.id)]).toEqual([1, 0]);
    client.vanish();
    const again = await resuming(here, client.welcome.token);
    expect(again.welcome).toMatchObject({ resumed: true, generation: generation + 1 });
  });

  it('asks no further when the session is parked whole: nobody has it then', async () => {
    const here = stage();
    const { session, token, from } = await moved(here);
    from.backend.held.delete(session);
    const counters = { ...COUNTERS, isComplete: true, state: 'kept' };
    const park = { sessionId: session, generation: 2, entries: TAIL, counters, windowMs: 60_000 };
    expect(here.store.sessions.park(park)).toBe('parked');
    const client = await resuming(here, token, { received: 2 });
    expect(client.welcome).toMatchObject({ resumed: true, session });
    expect(opensOf(here, 'handoff')).toMatchObject([{ open: { state: 'kept', counters: COUNTERS }, tail: [{ n: 3 }] }]);
    expect(opensOf(here, 'resume')).toHaveLength(1);
  });

  it('asks both for 3.5 s, and then begins a new session that is told of the loss', async () => {
    const here = stage();
    const { session, token, from } = await moved(here);
    from.backend.held.delete(session);
    const client = await resuming(here, token, { received: 4 });
    await settle(RETRIES_MS - 100);
    expect(client.received).toEqual([]);
    await settle(200);
    expect(client.welcome).toMatchObject({ resumed: false, lost: { from: 5, to: null } });
    expect(client.welcome.session).not.toBe(session);
  });

  it('and whose session somebody else claims meanwhile: the client is told to come again', async () => {
    const here = stage();
    const { session, token, from } = await moved(here);
    from.backend.held.delete(session);
    const client = await resuming(here, token);
    claimElsewhere(here, session);
    arrive(from.backend, session);
    await settle(500);
    expect(client.controls('g')).toHaveLength(1);
    expect(here.store.sessions.lookup(session)?.workerId).toBe('another');
    expect(opensOf(here, 'resume')).toHaveLength(1);
  });
});

describe('a resume by a token that is not behind', () => {
  it('asks the one backend that has the session once', async () => {
    const here = stage();
    const { session, token, backend } = await away(here);
    backend.held.delete(session);
    const client = await resuming(here, token, { received: 4 });
    expect(client.welcome).toMatchObject({ resumed: false, lost: { from: 5, to: null } });
    await settle(RETRIES_MS + 500);
    expect(opensOf(here, 'resume')).toHaveLength(1);
  });
});

describe('a claim whose client leaves', () => {
  it('while its backend has not answered: the backend learns of it, and that nobody is there', async () => {
    const here = stage();
    const { session, token, backend, id } = await away(here);
    backend.onOpen = () => undefined;
    const second = await resuming(here, token);
    second.vanish();
    await settle();
    const [open] = opensOf(here, 'resume');
    backend.onOpen = undefined;
    backend.takeOpen(open!);
    await settle();
    expect(open?.open).toMatchObject({ session, generation: 2 });
    expectDetached(backend, open!);
    expect(backend.held.get(session)).toMatchObject({ generation: 2, stream: 0 });
    expect(active(here, id)).toBe(0);
    expect(second.received).toEqual([]);
    expect((await resuming(here, token)).welcome).toMatchObject({ resumed: true, session, generation: 3 });
  });

  it('while shared state has not answered: the backend is told nevertheless', async () => {
    const here = stage();
    const { session, token, backend, id } = await away(here);
    const answerResume = holdAnswer(here, 'resume');
    const second = await resuming(here, token);
    second.vanish();
    await settle();
    expect(opensOf(here, 'resume')).toEqual([]);
    answerResume();
    await settle();
    const [open] = opensOf(here, 'resume');
    expect(open?.open).toMatchObject({ session, generation: 2 });
    expectDetached(backend, open!);
    expect(backend.held.get(session)).toMatchObject({ generation: 2, stream: 0 });
    expect(active(here, id)).toBe(0);
    expect(here.sessions.all.size).toBe(0);
    expect((await resuming(here, token)).welcome).toMatchObject({ resumed: true, session, generation: 3 });
  });

  it('while the session moves: it is followed to where it arrives', async () => {
    const here = stage();
    const { session, token, from, to } = await moved(here);
    from.backend.held.delete(session);
    const client = await resuming(here, token);
    client.vanish();
    await settle(180);
    arrive(to.backend, session);
    await settle(RETRIES_MS);
    const { generation = 0 } = here.store.sessions.lookup(session) ?? {};
    const open = to.backend.opens.at(-1)!;
    expect(open.open).toMatchObject({ cause: 'resume', session, generation });
    expectDetached(to.backend, open);
    expect(to.backend.held.get(session)).toMatchObject({ generation, stream: 0 });
    expect([active(here, from.id), active(here, to.id)]).toEqual([0, 0]);
    expect((await resuming(here, token)).welcome).toMatchObject({ resumed: true, session });
  });
});

/** The last word on the stream is that nobody is there, and not that the session is over. */
function expectDetached(backend: ScriptedBackend, { trunk, stream }: ReceivedOpen): void {
  const frames = trunk.frames.filter((frame) => frame.stream === stream);
  expect(frames.at(-1)?.kind).toBe(TrunkKind.Detach);
  expect(backend.trunk.endsOf(TrunkKind.Close)).toEqual([]);
}
