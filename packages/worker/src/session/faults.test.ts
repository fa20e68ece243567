import { TRUNK_STREAM, TrunkKind } from '@holdfast/protocol';
import { describe, expect, it, vi } from 'vitest';
import { holderOf, resuming, settle, stage, useScene, welcomed } from './testing/scene.js';

useScene();

describe('while shared state refuses', () => {
  it.each(['session.create', 'session.resume', 'session.rebind', 'session.readTail', 'session.remove', 'lease.renew'])(
    '%s: a session begins, is resumed, moves, and ends',
    async (refused) => {
      const here = stage();
      here.isStateDown = (method) => method === refused;
      const first = await welcomed(here);
      first.vanish();
      const second = await resuming(here, first.welcome.token);
      expect(second.welcome).toMatchObject({ resumed: true, session: first.welcome.session });
      const { backend } = holderOf(here, second);
      backend.isReachable = false;
      backend.crash();
      await settle(100);
      expect(second.controls('r')).toHaveLength(1);
      second.say('c{"code":1000,"reason":""}');
      await settle();
      expect(second.closed?.code).toBe(1000);
      expect(here.sessions.all.size).toBe(0);
    },
  );

  it('session.park: what a backend handed over is kept until somebody takes it', async () => {
    const here = stage({ backends: { b1: {} } });
    const client = await welcomed(here);
    const { trunk, stream, backend } = holderOf(here, client);
    here.isStateDown = (method) => method === 'session.park';
    trunk.sendJson(TRUNK_STREAM, TrunkKind.Drain, { reason: '', deadlineMs: 1000 });
    await settle();
    trunk.sendHandoff(stream, { handled: 1, received: 1, lastDown: 1, ackedDown: 1, state: 'kept here' });
    await settle();
    backend.crash();
    await settle(3000);
    expect(backend.opens.at(-1)?.open).toMatchObject({ cause: 'handoff', state: 'kept here' });
  });
});

describe('a worker that was paused', () => {
  it('does nothing with what it finds, and takes up what is still its own', async () => {
    const here = stage();
    const client = await welcomed(here);
    const { trunk, stream, backend } = holderOf(here, client);
    const before = trunk.frames.length;
    // Its timers stood still with it.
    vi.setSystemTime(Date.now() + 10_000);
    const now = performance.now();
    const spy = vi.spyOn(performance, 'now').mockImplementation(() => now + 10_000);
    client.say('m1.0:written after the pause');
    trunk.sendText(stream, 'm1.0:read after the pause');
    await Promise.resolve();
    await settle(100);
    expect(client.data).toEqual([]);
    expect(trunk.frames.length).toBe(before);
    expect(trunk.isClosed).toBe(true);
    spy.mockRestore();
    await settle(100);
    expect(backend.opens.at(-1)?.open).toMatchObject({ cause: 'resume', generation: 2 });
    expect(client.controls('r')).toMatchObject([{ cause: 'handoff', generation: 2 }]);
  });
});

describe('the choice of a backend', () => {
  it('goes round with round-robin', async () => {
    const here = stage({ pool: { balance: 'round-robin' } });
    await settle();
    for (let i = 0; i < 10; i += 1) await welcomed(here);
    expect([...here.backends.values()].map(({ held }) => held.size)).toEqual([5, 5]);
  });

  it('goes by what backends say of the whole fleet, and by what has changed since', async () => {
    const here = stage();
    await settle();
    const [one, two] = [here.backend('b1'), here.backend('b2')];
    one.trunk.sendJson(TRUNK_STREAM, TrunkKind.Load, { sessions: 100, lagMs: 0, weight: 1 });
    two.trunk.sendJson(TRUNK_STREAM, TrunkKind.Load, { sessions: 110, lagMs: 0, weight: 1 });
    await settle();
    for (let i = 0; i < 10; i += 1) await welcomed(here);
    expect([one.held.size, two.held.size]).toEqual([10, 0]);
    for (let i = 0; i < 10; i += 1) await welcomed(here);
    expect([one.held.size, two.held.size]).toEqual([15, 5]);
  });

  it('passes over a backend that is full, and a client comes back later when all are', async () => {
    const here = stage({ backends: { b1: { capacity: 1 }, b2: { capacity: 2 } } });
    await settle();
    for (let i = 0; i < 3; i += 1) await welcomed(here);
    expect([...here.backends.values()].map(({ held }) => held.size)).toEqual([1, 2]);
    const late = here.connect();
    late.hello();
    await settle(3000);
    expect(late.closed?.code).toBe(1013);
  });

  it('sends a client to the same backend by its address with source-hash', async () => {
    const here = stage({ pool: { balance: 'source-hash' } });
    await settle();
    for (let i = 0; i < 5; i += 1) await welcomed(here);
    expect([...here.backends.values()].map(({ held }) => held.size).sort()).toEqual([0, 5]);
  });
});
