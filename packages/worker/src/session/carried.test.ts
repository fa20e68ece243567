import {
  CloseCode,
  decodeCloseFrame,
  encodeCloseFrame,
  TRUNK_STREAM,
  TrunkKind,
  type TailEntry,
} from '@holdfast/protocol';
import { describe, expect, it } from 'vitest';
import type { ReceivedOpen, ScriptedTrunk } from '../trunk/testing/scripted-backend.js';
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
import type { FakeClient } from './testing/fake-client.js';
import type { Stage } from './testing/stage.js';

useScene();

const COUNTERS = { handled: 4, received: 5, lastDown: 3, ackedDown: 2 };
const GIVEN = { ...COUNTERS, state: 'where we were' };
const TAIL: readonly TailEntry[] = [{ n: 3, isBinary: false, data: Buffer.from('three') }];
const PARKED = { ...GIVEN, isComplete: true };

/** A client whose backend drains, was asked for its session, and has not answered. */
async function asked(here: Stage) {
  const client = await welcomed(here);
  const { id, backend, trunk, stream } = holderOf(here, client);
  drain(trunk);
  await settle();
  expect(client.session?.state).toBe('handing');
  const { session, token } = client.welcome;
  return { client, session, token, backend, trunk, stream, other: otherThan(here, id) };
}

/** Handed over, and the next backend is asked and has not answered: answers what it was asked. */
async function onItsWay(here: Stage) {
  const it = await asked(here);
  it.other.onOpen = () => undefined;
  it.trunk.sendHandoff(it.stream, GIVEN, TAIL);
  await settle();
  const open: ReceivedOpen | undefined = it.other.opens[0];
  if (open === undefined) throw new Error('expected an open at the other backend, got none');
  expect(it.client.session?.state).toBe('reopening');
  return { ...it, open };
}

function drain(trunk: ScriptedTrunk): void {
  trunk.sendJson(TRUNK_STREAM, TrunkKind.Drain, { reason: '', deadlineMs: 10_000 });
}

function refuse({ trunk, stream }: ReceivedOpen): void {
  trunk.send(stream, TrunkKind.Close, encodeCloseFrame(CloseCode.TryAgainLater, 'not now'));
}

/** Codes of the ends of one stream. */
function endsOf(trunk: ScriptedTrunk, stream: number, kind: number): readonly number[] {
  const frames = trunk.frames.filter((frame) => frame.kind === kind && frame.stream === stream);
  return frames.map(({ payload }) => decodeCloseFrame(payload).code);
}

function parkedOf(here: Stage, session: string): object | undefined {
  return here.store.sessions.lookup(session)?.parked;
}

function tailOf(here: Stage, session: string): readonly string[] {
  return here.store.sessions.readTail(session, 0).map(({ n, data }) => `${n} ${Buffer.from(data).toString()}`);
}

/** Somebody else becomes the owner. */
function claim(here: Stage, sessionId: string): void {
  expect(claimElsewhere(here, sessionId)).toMatchObject({ kind: 'resumed', generation: 2 });
}

describe('a session that is handed over', () => {
  it('is kept by the backend that gave it away until another one has it', async () => {
    const here = stage();
    const { client, trunk, stream, open, other } = await onItsWay(here);
    await settle(1000);
    expect(endsOf(trunk, stream, TrunkKind.Close)).toEqual([]);
    other.takeOpen(open);
    await settle();
    expect(endsOf(trunk, stream, TrunkKind.Close)).toEqual([CloseCode.Normal]);
    expect(client.controls('r')).toMatchObject([{ cause: 'handoff' }]);
    expect(endsOf(open.trunk, open.stream, TrunkKind.Close)).toEqual([]);
  });

  it('and that nobody takes is kept by it until it is parked', async () => {
    const here = stage();
    const { session, trunk, stream, open } = await onItsWay(here);
    here.isStateDown = (method) => method === 'session.park';
    refuse(open);
    await settle(100);
    expect(parkedOf(here, session)).toBeUndefined();
    expect(endsOf(trunk, stream, TrunkKind.Close)).toEqual([]);
  });

  it('and that somebody else has claimed since is kept by it for that one', async () => {
    const here = stage();
    const { client, session, trunk, stream, other } = await asked(here);
    claim(here, session);
    trunk.sendHandoff(stream, GIVEN, TAIL);
    await settle(1000);
    expect(client.closed?.code).toBe(CloseCode.Replaced);
    expect(other.opens).toEqual([]);
    expect(parkedOf(here, session)).toBeUndefined();
    expect(endsOf(trunk, stream, TrunkKind.Close)).toEqual([]);
  });

  it('though nobody has asked for it breaks the protocol, and goes on elsewhere', async () => {
    const here = stage();
    const client = await welcomed(here);
    const { trunk, stream, backend } = holderOf(here, client);
    backend.isReachable = false;
    trunk.sendHandoff(stream, GIVEN, TAIL);
    await settle(5000);
    expect(trunk.closed?.code).toBe(CloseCode.BrokeProtocol);
    expect(client.controls('r')).toHaveLength(1);
  });

  it('again before its client has answered the first change: the answer is passed on to the one that is left', async () => {
    const here = stage({ backends: { b1: {}, b2: {}, b3: {} } });
    const { client, trunk, stream } = await asked(here);
    trunk.sendHandoff(stream, GIVEN, TAIL);
    await settle();
    const second = holderOf(here, client);
    drain(second.trunk);
    await settle();
    expect(client.session?.state).toBe('handing');
    client.say('y{"received":4,"lowest":5,"sent":6}');
    await settle();
    expect(second.trunk.textsOf(TrunkKind.Resync)).toEqual(['{"received":4,"lowest":5,"sent":6}']);
    expect(client.session?.state).toBe('handing');
    second.trunk.sendHandoff(second.stream, { ...GIVEN, state: 'after the answer' });
    await settle();
    const third = holderOf(here, client);
    expect(third.backend.opens[0]?.open).toMatchObject({ cause: 'handoff', state: 'after the answer', generation: 3 });
    expect(client.controls('r')).toHaveLength(2);
    expect(endsOf(second.trunk, second.stream, TrunkKind.Close)).toEqual([CloseCode.Normal]);
    expect(client.closed).toBeUndefined();
  });
});

describe('a client that vanishes while its backend is asked for its session', () => {
  it('finds what the backend gives away nevertheless, wherever it comes back', async () => {
    const here = stage();
    const { client, session, token, backend, trunk, stream, other } = await asked(here);
    client.vanish();
    await settle();
    expect(endsOf(trunk, stream, TrunkKind.Detach)).toHaveLength(1);
    trunk.sendHandoff(stream, GIVEN, TAIL);
    await settle();
    expect(parkedOf(here, session)).toMatchObject({ ...PARKED, generation: 1 });
    expect(tailOf(here, session)).toEqual(['3 three']);
    expect(endsOf(trunk, stream, TrunkKind.Close)).toEqual([CloseCode.Normal]);
    backend.held.delete(session);
    const again = await resuming(here, token, { received: 2 });
    expect(again.welcome).toMatchObject({ resumed: true, session });
    expect(other.opens).toMatchObject([{ open: { cause: 'handoff', state: 'where we were', counters: COUNTERS } }]);
    expect(other.opens[0]?.tail).toMatchObject([{ n: 3 }]);
  });

  it('and whom somebody else has claimed since: the backend keeps it for that one', async () => {
    const here = stage();
    const { client, session, trunk, stream } = await asked(here);
    client.vanish();
    await settle();
    claim(here, session);
    trunk.sendHandoff(stream, GIVEN, TAIL);
    await settle(1000);
    expect(parkedOf(here, session)).toBeUndefined();
    expect(here.store.sessions.lookup(session)).toMatchObject({ generation: 2, workerId: 'another' });
    expect(endsOf(trunk, stream, TrunkKind.Close)).toEqual([]);
  });

  it('while nothing can be written: the backend keeps it', async () => {
    const here = stage();
    const { client, trunk, stream } = await asked(here);
    client.vanish();
    here.isStateDown = () => true;
    trunk.sendHandoff(stream, GIVEN, TAIL);
    await settle(1000);
    expect(endsOf(trunk, stream, TrunkKind.Close)).toEqual([]);
  });

  it('is waited for by nobody after 10 s: a word that comes then changes nothing', async () => {
    const here = stage();
    const { client, session, trunk, stream } = await asked(here);
    client.vanish();
    await settle(11_500);
    trunk.sendHandoff(stream, GIVEN, TAIL);
    await settle();
    expect(parkedOf(here, session)).toBeUndefined();
    expect(endsOf(trunk, stream, TrunkKind.Close)).toEqual([]);
    expect(trunk.isClosed).toBe(false);
  });

  it('is waited for until then', async () => {
    const here = stage();
    const { client, session, trunk, stream } = await asked(here);
    client.vanish();
    await settle(9000);
    trunk.sendHandoff(stream, GIVEN, TAIL);
    await settle();
    expect(parkedOf(here, session)).toMatchObject(PARKED);
  });

  it('stays with a backend that does not give it away after all', async () => {
    const here = stage();
    const { client, session, token, trunk, stream } = await asked(here);
    client.vanish();
    trunk.send(stream, TrunkKind.Detach, encodeCloseFrame(CloseCode.GoingAway, 'gone'));
    await settle();
    expect(parkedOf(here, session)).toBeUndefined();
    expect((await resuming(here, token)).welcome).toMatchObject({ resumed: true, session });
  });
});

describe('a client that vanishes while the next backend is asked to take its session', () => {
  const declining: readonly [string, (open: ReceivedOpen) => void, number][] = [
    ['refuses', refuse, 100],
    ['is lost', ({ trunk }) => trunk.cut(), 100],
    ['says nothing', () => undefined, 15_000],
  ];
  it.each(declining)('which then %s: what was given away is parked', async (_, decline, withinMs) => {
    const here = stage();
    const { client, session, trunk, stream, open } = await onItsWay(here);
    client.vanish();
    await settle();
    expect(endsOf(open.trunk, open.stream, TrunkKind.Detach)).toHaveLength(1);
    expect(parkedOf(here, session)).toBeUndefined();
    expect(endsOf(trunk, stream, TrunkKind.Close)).toEqual([]);
    decline(open);
    await settle(withinMs);
    expect(parkedOf(here, session)).toMatchObject({ ...PARKED, generation: 2 });
    expect(tailOf(here, session)).toEqual(['3 three']);
    expect(endsOf(trunk, stream, TrunkKind.Close)).toEqual([CloseCode.Normal]);
  });

  it('which then takes it: it has it, without a connection, and nothing is parked', async () => {
    const here = stage();
    const { client, session, token, trunk, stream, open, other } = await onItsWay(here);
    client.vanish();
    await settle();
    other.onOpen = undefined;
    other.takeOpen(open);
    await settle();
    expect(endsOf(open.trunk, open.stream, TrunkKind.Detach)).toHaveLength(2);
    expect(endsOf(open.trunk, open.stream, TrunkKind.Close)).toEqual([]);
    expect(parkedOf(here, session)).toBeUndefined();
    expect(endsOf(trunk, stream, TrunkKind.Close)).toEqual([CloseCode.Normal]);
    expect((await resuming(here, token)).welcome).toMatchObject({ resumed: true, session, generation: 3 });
  });

  it('and before it was: nobody is asked, and what was given away is parked', async () => {
    const here = stage();
    const { client, session, trunk, stream, other } = await asked(here);
    const answerRebind = holdAnswer(here, 'rebind');
    trunk.sendHandoff(stream, GIVEN, TAIL);
    await settle();
    client.vanish();
    answerRebind();
    await settle();
    expect(other.opens).toEqual([]);
    expect(parkedOf(here, session)).toMatchObject({ ...PARKED, generation: 2 });
    expect(endsOf(trunk, stream, TrunkKind.Close)).toEqual([CloseCode.Normal]);
  });
});

describe('a client that vanishes while its session waits for any backend', () => {
  it('finds what could not be parked before', async () => {
    const here = stage({ backends: { b1: {} } });
    const client = await welcomed(here);
    const { session } = client.welcome;
    const { trunk, stream } = holderOf(here, client);
    drain(trunk);
    await settle();
    here.isStateDown = (method) => method === 'session.park';
    trunk.sendHandoff(stream, GIVEN, TAIL);
    await settle();
    here.isStateDown = () => false;
    expect(parkedOf(here, session)).toBeUndefined();
    client.vanish();
    await settle();
    expect(parkedOf(here, session)).toMatchObject(PARKED);
    expect(endsOf(trunk, stream, TrunkKind.Close)).toEqual([CloseCode.Normal]);
  });

  it.each([
    { what: 'as many messages as may be parked', messages: 1001, bytes: 1, parked: 1000 },
    { what: 'at least the counters, where the messages are too large', messages: 5, bytes: 256 * 1024, parked: 0 },
  ])('finds $what', async ({ messages, bytes, parked }) => {
    const here = stage({ backends: { b1: {} } });
    const client = await welcomed(here);
    const { session } = client.welcome;
    const { trunk, stream } = holderOf(here, client);
    drain(trunk);
    await settle();
    const data = Buffer.alloc(bytes);
    const tail = Array.from({ length: messages }, (_, i) => ({ n: i + 1, isBinary: true, data }));
    trunk.sendHandoff(stream, { ...GIVEN, lastDown: messages, ackedDown: 0 }, tail);
    await settle();
    expect(parkedOf(here, session)).toMatchObject({ state: GIVEN.state, lastDown: messages, isComplete: true });
    expect(tailOf(here, session)).toHaveLength(parked);
    expect(endsOf(trunk, stream, TrunkKind.Close)).toEqual([CloseCode.Normal]);
  });
});

describe('a client that vanishes while its session returns to its backend', () => {
  it('which is told of the claim, and keeps it without a connection', async () => {
    const here = stage();
    const client = await welcomed(here);
    const { session, generation } = client.welcome;
    const { backend, trunk } = holderOf(here, client);
    const answerRebind = holdAnswer(here, 'rebind');
    trunk.cut();
    await settle(200);
    client.vanish();
    await settle();
    answerRebind();
    await settle();
    const { open, stream, trunk: again } = backend.opens.at(-1)!;
    expect(open).toMatchObject({ cause: 'resume', session, generation: generation + 1 });
    expect(endsOf(again, stream, TrunkKind.Detach)).toEqual([CloseCode.GoingAway]);
  });
});

describe('a client that ends its session', () => {
  const leave = (client: FakeClient): void => client.say('c{"code":1000,"reason":""}');

  it('while its backend is asked for it: it is over, and nothing is kept', async () => {
    const here = stage();
    const { client, session, trunk, stream } = await asked(here);
    leave(client);
    await settle();
    trunk.sendHandoff(stream, GIVEN, TAIL);
    await settle();
    expect(here.store.sessions.lookup(session)).toBeUndefined();
    expect(endsOf(trunk, stream, TrunkKind.Close)).toEqual([CloseCode.Normal]);
    expect(endsOf(trunk, stream, TrunkKind.Detach)).toEqual([]);
  });

  it('while the next one is asked to take it: it is over at both', async () => {
    const here = stage();
    const { client, session, trunk, stream, open, other } = await onItsWay(here);
    leave(client);
    await settle();
    other.takeOpen(open);
    await settle();
    expect(here.store.sessions.lookup(session)).toBeUndefined();
    expect(endsOf(trunk, stream, TrunkKind.Close)).toEqual([CloseCode.Normal]);
    expect(endsOf(open.trunk, open.stream, TrunkKind.Close)).toEqual([CloseCode.Normal]);
  });

  describe('while its move is written down', () => {
    async function leaving(here: Stage) {
      const it = await asked(here);
      const answerRebind = holdAnswer(here, 'rebind');
      it.trunk.sendHandoff(it.stream, GIVEN, TAIL);
      await settle();
      leave(it.client);
      answerRebind();
      await settle();
      return it;
    }

    it('asks nobody else, and is over at the one that gave it away', async () => {
      const { trunk, stream, other } = await leaving(stage());
      expect(other.opens).toEqual([]);
      expect(endsOf(trunk, stream, TrunkKind.Close)).toContain(CloseCode.Normal);
    });

    it('parks nothing', async () => {
      const here = stage();
      const { session } = await leaving(here);
      expect(parkedOf(here, session)).toBeUndefined();
    });

    it('leaves no record', async () => {
      const here = stage();
      const { session } = await leaving(here);
      expect(here.store.sessions.lookup(session)).toBeUndefined();
    });

    it('tells the one that gave it away once', async () => {
      const { trunk, stream } = await leaving(stage());
      expect(endsOf(trunk, stream, TrunkKind.Close)).toEqual([CloseCode.Normal]);
    });
  });
});
