import {
  CloseCode,
  encodeCloseFrame,
  encodeWithTail,
  type OpenCause,
  type TailEntry,
  TrunkKind,
} from '@holdfast/protocol';
import { describe, expect, it } from 'vitest';
import { holderOf, otherThan, resuming, settle, stage, useScene, welcomed } from './testing/scene.js';
import type { Stage } from './testing/stage.js';
import { TokenSigner, type ResumeClaims } from './token.js';

useScene();

const ENTRY: TailEntry = { n: 3, isBinary: false, data: Buffer.from('three') };

/** The backend of the session parks it and is gone; answers the id of the one that is left. */
async function parkedAndGone(here: Stage, { isComplete = false, state = undefined as string | undefined } = {}) {
  const client = await welcomed(here);
  const { token, session, generation } = client.welcome;
  const { backend, trunk } = holderOf(here, client);
  client.vanish();
  const counters = { handled: 2, received: 2, lastDown: 3, ackedDown: 2 };
  const body = { ref: 1, op: 'park', session, generation, complete: isComplete, state, windowMs: 60_000, ...counters };
  trunk.send(0, TrunkKind.Request, encodeWithTail(body, [ENTRY]));
  await settle();
  expect(JSON.parse(trunk.textsOf(TrunkKind.Result)[0]!)).toEqual({ ref: 1, ok: true, outcome: 'parked' });
  backend.isReachable = false;
  backend.crash();
  await settle(3000);
  return { token, session, backend };
}

function lastOpen(here: Stage, cause: OpenCause) {
  const opens = [...here.backends.values()].flatMap((backend) => backend.opens);
  return opens.filter(({ open }) => open.cause === cause).at(-1)!;
}

describe('a token', () => {
  it('that is forged closes with 4401, and nobody is asked', async () => {
    const here = stage();
    const client = await welcomed(here);
    const calls = here.stateCalls.length;
    const opens = holderOf(here, client).backend.opens.length;
    for (const token of ['', 'x', `${client.welcome.token}x`, client.welcome.token.replace(/^1\./, '2.')]) {
      expect((await resuming(here, token)).closed?.code).toBe(CloseCode.ResumeRefused);
    }
    expect(here.stateCalls.length).toBe(calls);
    expect(holderOf(here, client).backend.opens.length).toBe(opens);
    expect(client.closed).toBeUndefined();
  });

  const claims: ResumeClaims = {
    sessionId: 'a'.repeat(22),
    pool: 'chat',
    backendId: 'b1',
    incarnation: 'i'.repeat(16),
    generation: 3,
    expiresAtSeconds: 4e9,
    principal: '',
  };
  const cases: [string, Partial<ResumeClaims>, object][] = [
    ['of another pool closes with 4401', { pool: 'other' }, { closed: CloseCode.ResumeRefused }],
    ['of another principal closes with 4503', { principal: 'somebody' }, { closed: CloseCode.Forbidden }],
    ['that has run out begins a new session', { expiresAtSeconds: 1 }, { lost: { from: 8, to: null } }],
    ['of a session that nobody has begins a new one', {}, { lost: { from: 8, to: null } }],
  ];
  it.each(cases)('%s', async (_, change, expected) => {
    const here = stage();
    await settle();
    const token = new TokenSigner(['secret']).sign({ ...claims, ...change });
    const client = await resuming(here, token, { received: 7 });
    const lost = client.controls('w')[0]?.['lost'];
    expect({ ...(client.closed && { closed: client.closed.code }), ...(lost !== undefined && { lost }) }).toEqual(
      expected,
    );
    if (lost !== undefined)
      expect(client.welcome).toMatchObject({ resumed: false, handled: 0, received: 0, generation: 1 });
  });
});

describe('a resume', () => {
  it('of two connections of one session keeps the newer, and closes the older with 4003', async () => {
    const here = stage();
    const older = await welcomed(here);
    const newer = await resuming(here, older.welcome.token);
    expect(newer.welcome).toMatchObject({ resumed: true, session: older.welcome.session, generation: 2 });
    expect(older.closed?.code).toBe(CloseCode.Replaced);
    expect(here.sessions.find(older.welcome.session)).toBe(newer.session);
    // Its end must not be the end of the other.
    expect(here.store.sessions.lookup(older.welcome.session)).toMatchObject({ generation: 2 });
  });

  it('goes by the token alone while the state is down, and is written down later', async () => {
    const here = stage();
    const first = await welcomed(here);
    first.vanish();
    here.isStateDown = () => true;
    const second = await resuming(here, first.welcome.token);
    expect(second.welcome).toMatchObject({ resumed: true, generation: 2 });
    expect(here.sessions.unwritten).toBe(1);
    expect(here.store.sessions.lookup(first.welcome.session)?.generation).toBe(1);
    here.isStateDown = () => false;
    await settle(15_000);
    expect(here.sessions.unwritten).toBe(0);
    expect(here.store.sessions.lookup(first.welcome.session)?.generation).toBe(2);
  });

  it.each([
    ['is younger than the record', 5],
    ['is as old as a record that a park has raised', 1],
  ])('goes where the token says when it %s, and writes that down', async (_, generation) => {
    const here = stage();
    const first = await welcomed(here);
    const { session: sessionId, token: oldToken } = first.welcome;
    const signer = new TokenSigner(['secret']);
    const verified = signer.verify(oldToken, 0);
    if (verified.kind !== 'valid') throw new Error(`expected a valid token, got ${verified.kind}`);
    const { claims } = verified;
    const [backendId, other] = [...here.backends].find(([id]) => id !== claims.backendId)!;
    other.held.set(sessionId, { generation, trunk: holderOf(here, first).trunk, stream: 0 });
    first.vanish();
    const token = signer.sign({ ...claims, backendId, incarnation: other.incarnation, generation });
    const second = await resuming(here, token);
    expect(second.welcome).toMatchObject({ resumed: true, generation: generation + 2 });
    expect(other.opens.at(-1)?.open).toMatchObject({ cause: 'resume', session: sessionId, generation: generation + 2 });
    expect(here.store.sessions.lookup(sessionId)).toMatchObject({ backendId, generation: generation + 2 });
  });

  it('by an old token while the state is down asks once more with a generation above the held one', async () => {
    const here = stage();
    const first = await welcomed(here);
    here.isStateDown = () => true;
    const second = await resuming(here, first.welcome.token);
    const third = await resuming(here, second.welcome.token);
    const fourth = await resuming(here, first.welcome.token);
    expect([second, third, fourth].map(({ welcome }) => welcome.generation)).toEqual([2, 3, 4]);
    expect(third.closed?.code).toBe(CloseCode.Replaced);
  });

  it('that is fenced by a claim of somebody else is told to come again', async () => {
    const here = stage();
    const first = await welcomed(here);
    first.vanish();
    const backend = [...here.backends.values()].find(({ held }) => held.size > 0)!;
    await settle();
    backend.onOpen = ({ trunk, stream }) =>
      trunk.send(stream, TrunkKind.Close, encodeCloseFrame(CloseCode.Fenced, 'fenced:99'));
    const second = await resuming(here, first.welcome.token);
    expect(second.closed?.code).toBe(CloseCode.TryAgainLater);
    expect(second.controls('g')).toHaveLength(1);
  });

  it('waits for a backend whose trunk is being dialled', async () => {
    const one = stage();
    const first = await welcomed(one);
    first.vanish();
    await settle();
    // A worker that has just started.
    const two = stage({ sharedBackends: one.backends, store: one.store });
    const second = await resuming(two, first.welcome.token);
    expect(second.welcome).toMatchObject({ resumed: true, session: first.welcome.session });
  });

  it('at another backend goes on with what was parked: failover with counters, checkpoint and tail', async () => {
    const here = stage();
    const { token, session } = await parkedAndGone(here);
    const before = here.stateCalls.length;
    const client = await resuming(here, token, { received: 2, lowest: 3, sent: 5 });
    expect(client.welcome).toMatchObject({ resumed: true, session, generation: 3 });
    const { open, tail } = lastOpen(here, 'failover');
    expect(open).toMatchObject({
      generation: 3,
      client: { received: 2, lowest: 3, sent: 5 },
      counters: { handled: 2, received: 2, lastDown: 3, ackedDown: 2 },
    });
    expect(tail.map(({ n, data }) => [n, Buffer.from(data).toString()])).toEqual([[3, 'three']]);
    expect(here.stateCalls.slice(before)).toEqual(['session.resume', 'session.rebind', 'session.readTail']);
  });

  it('at another backend is a handoff when everything was parked, with its state', async () => {
    const here = stage();
    const { token } = await parkedAndGone(here, { isComplete: true, state: 'all of it' });
    const client = await resuming(here, token, { received: 2 });
    expect(client.welcome.resumed).toBe(true);
    expect(lastOpen(here, 'handoff').open).toMatchObject({ state: 'all of it', counters: { lastDown: 3 } });
  });

  it('of a session whose backend was lost with everything begins a new one', async () => {
    const here = stage();
    const first = await welcomed(here);
    const { backend, id } = holderOf(here, first);
    first.vanish();
    await settle();
    backend.isReachable = false;
    backend.crash();
    await settle(3000);
    const second = await resuming(here, first.welcome.token, { received: 4 });
    expect(second.welcome).toMatchObject({ resumed: false, lost: { from: 5, to: null } });
    expect(otherThan(here, id).held.has(second.welcome.session)).toBe(true);
  });

  it('claims nothing while there is no backend at all', async () => {
    const here = stage({ backends: { b1: {} } });
    const { token, session, backend } = await parkedAndGone(here, { isComplete: true });
    const client = here.connect();
    client.hello({ resume: { token, received: 2, lowest: 1, sent: 0 } });
    await settle(4000);
    expect(client.closed?.code).toBe(CloseCode.TryAgainLater);
    expect(here.store.sessions.lookup(session)?.generation).toBe(1);
    backend.isReachable = true;
    await settle(4000);
    const again = await resuming(here, token, { received: 2 });
    expect(again.welcome).toMatchObject({ resumed: true, session });
    expect(lastOpen(here, 'handoff').open.generation).toBe(3);
  });

  it('whose client leaves on the way leaves the session to its backend', async () => {
    const here = stage();
    const first = await welcomed(here);
    const { backend } = holderOf(here, first);
    first.vanish();
    await settle();
    backend.onOpen = () => undefined;
    const second = await resuming(here, first.welcome.token);
    second.vanish();
    await settle();
    expect(backend.trunk.endsOf(TrunkKind.Detach)).toHaveLength(2);
    expect(backend.trunk.endsOf(TrunkKind.Close)).toHaveLength(0);
    backend.onOpen = undefined;
    expect((await resuming(here, first.welcome.token)).welcome.resumed).toBe(true);
  });
});
