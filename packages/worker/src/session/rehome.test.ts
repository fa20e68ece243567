import { CloseCode, encodeCloseFrame, TrunkKind } from '@holdfast/protocol';
import { describe, expect, it } from 'vitest';
import { holderOf, otherThan, resuming, settle, stage, useScene, welcomed } from './testing/scene.js';
import type { FakeClient } from './testing/fake-client.js';

useScene();

function resync(client: FakeClient, { received = 0, lowest = 1, sent = 0 } = {}): void {
  client.say(`y${JSON.stringify({ received, lowest, sent })}`);
}

describe('a backend that is gone', () => {
  it('is replaced: the client stays, is told, and says what it has', async () => {
    const here = stage();
    const client = await welcomed(here);
    const { backend, id } = holderOf(here, client);
    backend.isReachable = false;
    backend.crash();
    await settle();
    const [rehomed] = client.controls('r');
    expect(rehomed).toMatchObject({ cause: 'failover', generation: 2, handled: 0 });
    expect(rehomed).not.toHaveProperty('received');
    expect(rehomed?.['token']).not.toBe(client.welcome.token);
    const other = otherThan(here, id);
    expect(other.opens[0]?.open).toMatchObject({ cause: 'failover', generation: 2, client: undefined });
    client.say('m1.0:of the old time');
    resync(client, { received: 7, lowest: 3, sent: 9 });
    client.say('m3.7:again');
    await settle();
    expect(other.trunk.textsOf(TrunkKind.Text)).toEqual(['m3.7:again']);
    expect(other.trunk.textsOf(TrunkKind.Resync)).toEqual(['{"received":7,"lowest":3,"sent":9}']);
    expect(here.store.sessions.lookup(client.welcome.session)).toMatchObject({ generation: 2 });
    expect(client.closed).toBeUndefined();
  });

  it('takes its word with it: the token of the rehoming resumes at the new one', async () => {
    const here = stage();
    const client = await welcomed(here);
    const { backend } = holderOf(here, client);
    backend.isReachable = false;
    backend.crash();
    await settle();
    client.vanish();
    here.isStateDown = () => true;
    const again = await resuming(here, String(client.controls('r')[0]?.['token']));
    expect(again.welcome).toMatchObject({ resumed: true, generation: 3 });
  });

  it('and whose successor is another life at the same place loses its sessions to whoever is picked', async () => {
    const here = stage({ backends: { b1: {} } });
    const client = await welcomed(here);
    here.backend('b1').crash();
    await settle();
    expect(client.controls('r')).toMatchObject([{ cause: 'failover' }]);
    expect(here.backend('b1').opens.map(({ open }) => open.cause)).toEqual(['connect', 'failover']);
  });

  it('has its 500 sessions spread over those that are left', async () => {
    const here = stage({ backends: { b1: {}, b2: {}, b3: {} } });
    const clients = Array.from({ length: 500 }, () => here.connect());
    for (const client of clients) client.hello();
    await settle(200);
    const gone = here.backend('b1');
    const moving = gone.held.size;
    gone.isReachable = false;
    gone.crash();
    await settle(1000);
    expect(clients.filter((client) => client.controls('r').length === 1).length).toBe(moving);
    expect(clients.filter(({ closed }) => closed !== undefined)).toEqual([]);
    const sizes = ['b2', 'b3'].map((id) => here.backend(id).held.size);
    expect(sizes[0]! + sizes[1]!).toBe(500);
    expect(Math.abs(sizes[0]! - sizes[1]!)).toBeLessThan(20);
  });

  it('closes with 1012 where the pool asks for it', async () => {
    const here = stage({ session: { onBackendLoss: 'close' } });
    const client = await welcomed(here);
    const { backend } = holderOf(here, client);
    backend.isReachable = false;
    backend.crash();
    await settle();
    expect(client.closed?.code).toBe(CloseCode.ServiceRestart);
  });

  it('and nobody else there: the client waits, until there is one, or its window is over', async () => {
    const here = stage({ backends: { b1: {} }, session: { resumeWindowMs: 10_000 } });
    const lucky = await welcomed(here);
    const backend = here.backend('b1');
    backend.isReachable = false;
    backend.crash();
    await settle(5000);
    expect(lucky.closed).toBeUndefined();
    expect(lucky.session?.state).toBe('unbound');
    backend.isReachable = true;
    await settle(3000);
    expect(lucky.controls('r')).toHaveLength(1);
    backend.isReachable = false;
    backend.crash();
    await settle(12_000);
    expect(lucky.closed?.code).toBe(CloseCode.TryAgainLater);
  });

  it('while the state is down: the sessions go on unfenced, and are written down later', async () => {
    const here = stage();
    const client = await welcomed(here);
    const { backend } = holderOf(here, client);
    here.isStateDown = () => true;
    backend.isReachable = false;
    backend.crash();
    await settle(100);
    expect(client.controls('r')).toMatchObject([{ generation: 2 }]);
    here.isStateDown = () => false;
    await settle(15_000);
    const { session } = client.welcome;
    expect(here.store.sessions.lookup(session)).toMatchObject({ generation: 2, backendId: here.holderOf(session) });
  });

  it('whose session somebody else has claimed: this client is replaced', async () => {
    const here = stage();
    const client = await welcomed(here);
    const { backend } = holderOf(here, client);
    const { session } = client.welcome;
    const claim = { sessionId: session, principal: '', workerId: 'another', ttlMs: 60_000, hint: { generation: 1 } };
    here.store.sessions.resume(claim);
    backend.isReachable = false;
    backend.crash();
    await settle();
    expect(client.closed?.code).toBe(CloseCode.Replaced);
    expect(here.store.sessions.lookup(session)?.workerId).toBe('another');
  });

  it('is forgotten with a client that leaves while its session is moved', async () => {
    const here = stage();
    const client = await welcomed(here);
    const { backend, id } = holderOf(here, client);
    const other = otherThan(here, id);
    other.onOpen = () => undefined;
    backend.isReachable = false;
    backend.crash();
    await settle();
    client.vanish();
    await settle();
    expect(other.trunk.endsOf(TrunkKind.Detach)).toHaveLength(1);
    expect(here.sessions.all.size).toBe(0);
    other.onOpen = undefined;
    // The record says where it is; the detached session is resumed there.
    other.held.set(client.welcome.session, { generation: 2, trunk: other.trunk, stream: 0 });
    expect((await resuming(here, client.welcome.token)).welcome).toMatchObject({ resumed: true, generation: 3 });
  });

  it('again while the client answers the first change: only its last answer counts', async () => {
    const here = stage({ backends: { b1: {}, b2: {}, b3: {} } });
    const client = await welcomed(here);
    for (let turn = 0; turn < 2; turn += 1) {
      const { backend } = holderOf(here, client);
      backend.isReachable = false;
      backend.crash();
      await settle();
    }
    const { trunk, backend } = holderOf(here, client);
    expect(client.controls('r')).toHaveLength(2);
    resync(client, { received: 1 });
    client.say('m1.0:after the first');
    await settle();
    expect(trunk.textsOf(TrunkKind.Resync)).toEqual([]);
    resync(client, { received: 2 });
    client.say('m2.0:after the second');
    await settle();
    expect(trunk.textsOf(TrunkKind.Resync)).toEqual(['{"received":2,"lowest":1,"sent":0}']);
    expect(backend.trunk.textsOf(TrunkKind.Text)).toEqual(['m2.0:after the second']);
    expect(client.closed).toBeUndefined();
  });

  it('gives a plain client its messages after the change', async () => {
    const here = stage();
    const client = here.connect({ isPlain: true });
    await settle();
    const [id, gone] = [...here.backends].find(([, { opens }]) => opens.length > 0)!;
    const other = otherThan(here, id);
    other.onOpen = () => undefined;
    gone.isReachable = false;
    gone.crash();
    await settle();
    client.say('one');
    client.say('two');
    await settle();
    other.takeOpen(other.opens[0]!);
    await settle();
    expect(other.opens[0]?.open).toMatchObject({ plain: true, cause: 'failover', client: undefined });
    expect(other.trunk.textsOf(TrunkKind.Text)).toEqual(['one', 'two']);
    expect(client.received).toEqual([]);
  });

  it('closes a plain client with 1013 that says more than there is room for', async () => {
    const here = stage({ backends: { b1: {} } });
    const client = here.connect({ isPlain: true });
    await settle();
    here.backend('b1').isReachable = false;
    here.backend('b1').crash();
    await settle();
    for (let i = 0; i < 20 && client.closed === undefined; i += 1) client.say('x'.repeat(1000));
    expect(client.closed?.code).toBe(CloseCode.TryAgainLater);
  });
});

describe('a trunk that is lost', () => {
  it('and comes back to the same life resumes its sessions there', async () => {
    const here = stage();
    const client = await welcomed(here);
    const { backend } = holderOf(here, client);
    backend.trunk.cut();
    await settle();
    expect(backend.opens.at(-1)?.open).toMatchObject({ cause: 'resume', generation: 2, client: undefined });
    expect(client.controls('r')).toMatchObject([{ cause: 'handoff', handled: 0, received: 0, generation: 2 }]);
    resync(client, { received: 3 });
    client.say('m1.3:go on');
    await settle();
    expect(backend.trunk.textsOf(TrunkKind.Text)).toEqual(['m1.3:go on']);
  });

  it('and does not come back in time is replaced', async () => {
    const here = stage();
    const client = await welcomed(here);
    const { backend, id } = holderOf(here, client);
    backend.isAwake = false;
    backend.trunk.cut();
    await settle(1000);
    expect(client.controls('r')).toHaveLength(0);
    await settle(1000);
    expect(client.controls('r')).toMatchObject([{ cause: 'failover' }]);
    expect(otherThan(here, id).held.size).toBe(1);
  });

  it('by silence is noticed within its stale time', async () => {
    const here = stage();
    const client = await welcomed(here);
    holderOf(here, client).backend.isAwake = false;
    await settle(6000 + 500 + 1500 + 500);
    expect(client.controls('r')).toMatchObject([{ cause: 'failover' }]);
  });

  it('to a life that has forgotten the session is replaced', async () => {
    const here = stage();
    const client = await welcomed(here);
    const { backend } = holderOf(here, client);
    backend.held.clear();
    backend.trunk.cut();
    await settle();
    expect(client.controls('r')).toMatchObject([{ cause: 'failover' }]);
  });

  it('while a session is being opened there: another backend takes it', async () => {
    const here = stage();
    await settle();
    const silent = here.backend('b1');
    const other = here.backend('b2');
    for (const one of [silent, other]) one.onOpen = (received) => void setTimeout(() => one.takeOpen(received), 50);
    const client = here.connect();
    client.hello();
    await settle();
    const first = silent.opens.length > 0 ? silent : other;
    first.isReachable = false;
    first.crash();
    await settle(200);
    expect(client.welcome).toMatchObject({ resumed: false, generation: 2 });
  });
});

describe('a refusal to open', () => {
  it.each([
    ['by a backend that is full is taken to another one', CloseCode.TryAgainLater, undefined],
    ['by the application is the end of the session', 4999, 4999],
  ])('%s', async (_, code, closed) => {
    const here = stage();
    const client = await welcomed(here);
    const { backend, id } = holderOf(here, client);
    const other = otherThan(here, id);
    other.onOpen = ({ trunk, stream }) => trunk.send(stream, TrunkKind.Close, encodeCloseFrame(code, 'no'));
    backend.isReachable = false;
    backend.crash();
    await settle();
    expect(client.closed?.code).toBe(closed);
    other.onOpen = undefined;
    await settle(3000);
    expect(client.controls('r')).toHaveLength(closed === undefined ? 1 : 0);
  });
});
