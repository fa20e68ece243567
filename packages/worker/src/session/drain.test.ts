import { CloseCode, TrunkKind } from '@holdfast/protocol';
import { describe, expect, it } from 'vitest';
import { resuming, settle, stage, useScene, welcomed } from './testing/scene.js';

useScene();

const LEISURELY = { deadlineMs: 10_000, windowMs: 4000, hasSuccessors: false, pending: () => 0 };

async function twoMachines() {
  const here = stage({ balancer: 'here' });
  const there = stage({ balancer: 'there', sharedBackends: here.backends, store: here.store });
  // Each learns of the other by its lease.
  await settle(5000);
  return { here, there };
}

describe('a worker that stops', () => {
  it('tells each client its own moment, and closes those that stay with 4009 at the deadline', async () => {
    const { here } = await twoMachines();
    const client = await welcomed(here);
    const plain = here.connect({ isPlain: true });
    await settle();
    let isDone = false;
    void here.sessions.drain(LEISURELY).then(() => (isDone = true));
    await settle();
    expect(client.controls('g')).toMatchObject([{ deadlineMs: 9700, delayMs: 2000 }]);
    expect(client.closed).toBeUndefined();
    // Closed with what is relayed (drain/leaving.ts).
    expect(plain.closed).toBeUndefined();
    await settle(9600);
    expect(client.closed).toBeUndefined();
    await settle(500);
    expect(client.closed?.code).toBe(CloseCode.Leaving);
    expect(isDone).toBe(true);
    const drains = [...here.backends.values()].flatMap(({ trunks }) =>
      trunks.map((trunk) => trunk.textsOf(TrunkKind.Drain)),
    );
    expect(drains.filter((texts) => texts.length === 1)).toHaveLength(2);
  });

  it('is done as soon as all have gone elsewhere', async () => {
    const { here, there } = await twoMachines();
    const client = await welcomed(here);
    let isDone = false;
    void here.sessions.drain(LEISURELY).then(() => (isDone = true));
    await settle();
    const again = await resuming(there, client.welcome.token);
    expect(again.welcome.resumed).toBe(true);
    expect(client.closed?.code).toBe(CloseCode.Replaced);
    await settle(900);
    expect(isDone).toBe(true);
  });

  it('and is the only machine closes all at once: they come back the sooner', async () => {
    const here = stage();
    const client = await welcomed(here);
    const drained = here.sessions.drain(LEISURELY);
    await settle(900);
    expect(client.closed?.code).toBe(CloseCode.Leaving);
    expect(await drained).toEqual({ closed: 1, cut: 0 });
  });

  it('welcomes whoever was on the way, and tells it to leave', async () => {
    const { here } = await twoMachines();
    void here.sessions.drain(LEISURELY);
    await settle();
    const late = await welcomed(here);
    expect(late.controls('g')).toHaveLength(1);
    expect(late.closed).toBeUndefined();
  });

  it('takes nobody in any more where it is alone', async () => {
    const here = stage();
    void here.sessions.drain(LEISURELY);
    await settle();
    const late = here.connect();
    late.hello();
    await settle();
    expect(late.closed?.code).toBe(CloseCode.Leaving);
  });

  it('and has a successor on its machine sends its clients there', async () => {
    const here = stage();
    const client = await welcomed(here);
    void here.sessions.drain({ ...LEISURELY, hasSuccessors: true });
    await settle();
    expect(client.controls('g')).toHaveLength(1);
    expect(client.closed).toBeUndefined();
  });

  it('gives each its own slot', async () => {
    const { here } = await twoMachines();
    const clients = [];
    for (let i = 0; i < 40; i += 1) clients.push(await welcomed(here));
    void here.sessions.drain(LEISURELY);
    await settle();
    const delays = clients.map((client) => (client.controls('g')[0] as { readonly delayMs: number }).delayMs);
    const sorted = [...delays].sort((a, b) => a - b);
    for (const [index, delay] of sorted.entries()) expect(delay).toBeCloseTo(100 * (index + 0.5), -1);
    expect(delays).not.toEqual(sorted);
  });

  it('has heard of a machine that came a moment ago', async () => {
    const here = stage({ balancer: 'here' });
    const client = await welcomed(here);
    stage({ balancer: 'there', sharedBackends: here.backends, store: here.store });
    await settle();
    void here.sessions.drain(LEISURELY);
    await settle();
    expect(client.controls('g')).toHaveLength(1);
    expect(client.closed).toBeUndefined();
  });

  it('gives up its lease', async () => {
    const { here, there } = await twoMachines();
    here.close();
    await settle(3000);
    void there.sessions.drain(LEISURELY);
    const client = await welcomed(there).catch(() => undefined);
    expect(client).toBeUndefined();
  });
});

describe('a fleet', () => {
  it('tells its clients how long to take, in their welcome and when that changes', async () => {
    const here = stage();
    const clients = [];
    for (let i = 0; i < 40; i += 1) {
      const client = here.connect();
      client.hello();
      clients.push(client);
    }
    await settle(3000);
    const late = await welcomed(here);
    expect(late.welcome.pacingMs).toBe(50);
    await settle(16_000);
    expect(clients[0]?.welcome.pacingMs).toBe(0);
    expect(clients[0]?.controls('p')[0]).toEqual({ pacingMs: 50 });
  });

  it('admits so many per second: one more is told its own moment to come back', async () => {
    const here = stage({ admission: { perSecond: 100, fleetPerSecond: 0 } });
    await settle(100);
    const clients = Array.from({ length: 130 }, () => here.connect());
    for (const client of clients) client.hello();
    const refused = clients.filter(({ closed }) => closed?.code === CloseCode.Overloaded);
    expect(refused).toHaveLength(20);
    expect(refused[0]?.controls('g')).toMatchObject([{ delayMs: 1012 }]);
    expect(refused[19]?.controls('g')).toMatchObject([{ delayMs: 1223 }]);
    await settle(1200);
    expect(here.sessions.all.size).toBe(110);
    expect(clients.filter(({ closed }) => closed === undefined).every((it) => it.welcome !== undefined)).toBe(true);
  });
});
