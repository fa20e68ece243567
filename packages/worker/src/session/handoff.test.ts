import { CloseCode, encodeWithTail, TRUNK_STREAM, TrunkKind } from '@holdfast/protocol';
import { describe, expect, it } from 'vitest';
import { holderOf, otherThan, resuming, settle, stage, useScene, welcomed } from './testing/scene.js';
import type { FakeClient } from './testing/fake-client.js';

useScene();

const COUNTERS = { handled: 4, received: 5, lastDown: 3, ackedDown: 2 };

function resync(client: FakeClient, { received = 0, lowest = 1, sent = 0 } = {}): void {
  client.say(`y${JSON.stringify({ received, lowest, sent })}`);
}

describe('a backend that drains', () => {
  it('is asked for each session, and another one goes on with what it gave', async () => {
    const here = stage();
    const client = await welcomed(here);
    const { backend, trunk, stream, id } = holderOf(here, client);
    trunk.sendJson(TRUNK_STREAM, TrunkKind.Drain, { reason: 'SIGTERM', deadlineMs: 10_000 });
    await settle();
    expect(trunk.frames.filter(({ kind }) => kind === TrunkKind.Handoff)).toMatchObject([{ stream }]);
    client.say('m6.3:too late for this one');
    trunk.sendText(stream, 'm4.5:the message in hand');
    trunk.sendHandoff(stream, { ...COUNTERS, state: 'where we were' }, [
      { n: 3, isBinary: false, data: Buffer.from('three') },
    ]);
    await settle();
    expect(client.data).toEqual(['m4.5:the message in hand']);
    const other = otherThan(here, id);
    expect(other.opens[0]).toMatchObject({
      open: { cause: 'handoff', counters: COUNTERS, state: 'where we were', generation: 2 },
    });
    expect(other.opens[0]?.tail).toMatchObject([{ n: 3 }]);
    expect(client.controls('r')).toMatchObject([{ cause: 'handoff', received: 0 }]);
    expect(backend.trunk.textsOf(TrunkKind.Text)).toEqual([]);
    resync(client, { received: 4, lowest: 5, sent: 6 });
    await settle();
    expect(other.trunk.textsOf(TrunkKind.Resync)).toHaveLength(1);
    trunk.close(CloseCode.GoingAway);
    await settle();
    expect(client.controls('r')).toHaveLength(1);
  });

  it('is given no new sessions', async () => {
    const here = stage();
    await settle();
    here.backend('b1').trunk.sendJson(TRUNK_STREAM, TrunkKind.Drain, { reason: '', deadlineMs: 10_000 });
    await settle();
    for (let i = 0; i < 5; i += 1) await welcomed(here);
    expect(here.backend('b2').held.size).toBe(5);
  });

  it('is asked for so many at a time', async () => {
    const here = stage({ session: { maxHandoffs: 2 } });
    const clients = [];
    here.setState('b2', 'maintenance');
    for (let i = 0; i < 5; i += 1) clients.push(await welcomed(here));
    here.setState('b2', 'ready');
    await settle(100);
    const { trunk } = here.backend('b1');
    trunk.sendJson(TRUNK_STREAM, TrunkKind.Drain, { reason: '', deadlineMs: 10_000 });
    await settle(500);
    const asked = () => trunk.frames.filter(({ kind }) => kind === TrunkKind.Handoff);
    expect(asked()).toHaveLength(2);
    for (let i = 0; i < 5; i += 1) {
      trunk.sendHandoff(asked()[i]!.stream, { ...COUNTERS, state: undefined });
      await settle(100);
    }
    expect(asked()).toHaveLength(5);
    expect(clients.every((client) => client.controls('r').length === 1)).toBe(true);
    expect(here.backend('b2').held.size).toBe(5);
  });

  it.each([
    { gives: 'plenty of time', deadlineMs: 25_000, overMs: 400 },
    { gives: 'little time', deadlineMs: 800, overMs: 200 },
  ])('and gives $gives: is asked for one after the other, over $overMs ms', async ({ deadlineMs, overMs }) => {
    const here = stage();
    here.setState('b2', 'maintenance');
    for (let i = 0; i < 40; i += 1) await welcomed(here);
    here.setState('b2', 'ready');
    const { trunk } = here.backend('b1');
    trunk.sendJson(TRUNK_STREAM, TrunkKind.Drain, { reason: '', deadlineMs });
    const asked = () => trunk.frames.filter(({ kind }) => kind === TrunkKind.Handoff).length;
    await settle(overMs / 2);
    expect(asked()).toBeGreaterThan(14);
    expect(asked()).toBeLessThan(26);
    await settle(overMs / 2 + 40);
    expect(asked()).toBe(40);
  });

  it('and was drained by an operator before: is asked within the time that it gives', async () => {
    const here = stage();
    here.setState('b2', 'maintenance');
    for (let i = 0; i < 40; i += 1) await welcomed(here);
    here.setState('b2', 'ready');
    here.setState('b1', 'draining');
    const { trunk } = here.backend('b1');
    const asked = () => trunk.frames.filter(({ kind }) => kind === TrunkKind.Handoff).length;
    for (let waitedMs = 0; asked() === 0 && waitedMs < 1000; waitedMs += 20) await settle();
    trunk.sendJson(TRUNK_STREAM, TrunkKind.Drain, { reason: '', deadlineMs: 800 });
    await settle(100);
    expect(asked()).toBeGreaterThan(14);
    expect(asked()).toBeLessThan(26);
    await settle(140);
    expect(asked()).toBe(40);
  });

  it('closes its sessions with 1012, one after the other, where the pool asks for it', async () => {
    const here = stage({ session: { onBackendLoss: 'close' } });
    here.setState('b2', 'maintenance');
    const clients: FakeClient[] = [];
    for (let i = 0; i < 40; i += 1) clients.push(await welcomed(here));
    here.setState('b2', 'ready');
    here.setState('b1', 'draining');
    const closed = () => clients.filter((client) => client.closed?.code === CloseCode.ServiceRestart).length;
    for (let waitedMs = 0; closed() === 0 && waitedMs < 1000; waitedMs += 20) await settle();
    await settle(200);
    expect(closed()).toBeGreaterThan(10);
    expect(closed()).toBeLessThan(30);
    await settle(400);
    expect(closed()).toBe(40);
  });

  it('with nobody else there: its sessions are parked whole, and go on when somebody comes', async () => {
    const here = stage({ backends: { b1: {} } });
    const client = await welcomed(here);
    const { session } = client.welcome;
    const { trunk, stream, backend } = holderOf(here, client);
    trunk.sendJson(TRUNK_STREAM, TrunkKind.Drain, { reason: '', deadlineMs: 10_000 });
    await settle();
    trunk.sendHandoff(stream, { ...COUNTERS, state: 'kept' }, [{ n: 3, isBinary: true, data: Buffer.from('three') }]);
    await settle();
    expect(here.store.sessions.lookup(session)?.parked).toMatchObject({ ...COUNTERS, isComplete: true, state: 'kept' });
    backend.isReachable = false;
    trunk.close(CloseCode.GoingAway);
    backend.crash();
    await settle(3000);
    backend.isReachable = true;
    await settle(3000);
    expect(backend.opens.at(-1)).toMatchObject({ open: { cause: 'handoff', state: 'kept', counters: COUNTERS } });
    expect(backend.opens.at(-1)?.tail).toMatchObject([{ n: 3, isBinary: true }]);
    expect(client.controls('r')).toMatchObject([{ cause: 'handoff' }]);
  });

  it('and gives up on its deadline, having parked what nobody asked for: handoff all the same', async () => {
    const here = stage({ session: { maxHandoffs: 1 } });
    const client = await welcomed(here);
    const { trunk, session, generation } = { ...holderOf(here, client), ...client.welcome };
    const park = { ref: 9, op: 'park', session, generation, complete: true, windowMs: 60_000, ...COUNTERS };
    trunk.sendJson(TRUNK_STREAM, TrunkKind.Drain, { reason: '', deadlineMs: 10 });
    trunk.send(TRUNK_STREAM, TrunkKind.Request, encodeWithTail(park, []));
    await settle();
    trunk.close(CloseCode.GoingAway);
    await settle(100);
    expect(client.controls('r')).toMatchObject([{ cause: 'handoff' }]);
  });

  it('still takes a session of its own that is resumed, and gives it away then', async () => {
    const here = stage();
    const first = await welcomed(here);
    const { trunk, backend } = holderOf(here, first);
    first.vanish();
    await settle();
    trunk.sendJson(TRUNK_STREAM, TrunkKind.Drain, { reason: '', deadlineMs: 10_000 });
    await settle();
    const second = await resuming(here, first.welcome.token);
    expect(second.welcome.resumed).toBe(true);
    expect(backend.opens.at(-1)?.open.cause).toBe('resume');
    expect(trunk.frames.filter(({ kind }) => kind === TrunkKind.Handoff)).toHaveLength(1);
  });

  it('and never answers: another one gets the session without', async () => {
    const here = stage();
    const client = await welcomed(here);
    const { trunk, stream, id } = holderOf(here, client);
    trunk.sendJson(TRUNK_STREAM, TrunkKind.Drain, { reason: '', deadlineMs: 60_000 });
    await settle(9000);
    expect(client.session?.state).toBe('handing');
    await settle(2000);
    expect(client.controls('r')).toMatchObject([{ cause: 'failover' }]);
    expect(otherThan(here, id).held.size).toBe(1);
    trunk.sendHandoff(stream, { ...COUNTERS, state: 'too late' });
    trunk.sendText(stream, 'm1.0:too late');
    await settle();
    expect(client.data).toEqual([]);
  });

  it('because an operator takes it out gives its sessions away, and then its trunk is closed', async () => {
    const here = stage();
    const client = await welcomed(here);
    const { trunk, stream, id } = holderOf(here, client);
    here.setState(id, 'maintenance');
    await settle();
    trunk.sendHandoff(stream, { ...COUNTERS, state: undefined });
    await settle(1000);
    expect(client.controls('r')).toMatchObject([{ cause: 'handoff' }]);
    expect(trunk.closed?.code).toBe(CloseCode.GoingAway);
  });
});
