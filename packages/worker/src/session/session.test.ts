import { CloseCode, encodeCloseFrame, HELLO_TIMEOUT_MS, TrunkKind } from '@holdfast/protocol';
import { describe, expect, it } from 'vitest';
import { holderOf, resuming, settle, stage, useScene, welcomed } from './testing/scene.js';
import type { FakeClient } from './testing/fake-client.js';

useScene();

const CREDIT = (credit: number) => new Uint8Array([credit]);

describe('a client that breaks the protocol', () => {
  it.each([
    ['data before its hello', (client: FakeClient) => client.say('m1.0:x')],
    ['an ack before its hello', (client: FakeClient) => client.say('a1')],
    ['a ping before its welcome', (client: FakeClient) => client.say('p{}')],
    ['an unknown kind', (client: FakeClient) => client.say('?{}')],
    ['no JSON', (client: FakeClient) => client.say('h{')],
    ['a hello that is a list', (client: FakeClient) => client.say('h[]')],
    ['an unknown binary kind', (client: FakeClient) => client.sayBinary(new Uint8Array([2, 1, 0]))],
    ['nothing at all', (client: FakeClient) => client.say('')],
    ['a control frame that is too large', (client: FakeClient) => client.say(`u{"auth":"${'x'.repeat(16_384)}"}`)],
    ['a hello that is too large', (client: FakeClient) => client.say(`h{"v":1,"auth":"${'x'.repeat(65_536)}"}`)],
    ['a frame that only workers send', (client: FakeClient) => client.say('w{}')],
  ])('by %s is closed with 4400', async (_, speak) => {
    const here = stage();
    const client = here.connect();
    speak(client);
    await settle();
    expect(client.closed?.code).toBe(CloseCode.BrokeProtocol);
    expect(here.sessions.all.size).toBe(0);
  });

  it.each([
    ['a second hello', 'h{"v":1}'],
    ['a resync that nobody asked for', 'y{"received":0,"lowest":1,"sent":0}'],
    ['a close with a reserved code', 'c{"code":1006,"reason":""}'],
  ])('after its welcome by %s is closed with 4400, and its session stays', async (_, frame) => {
    const here = stage();
    const client = await welcomed(here);
    const { backend } = holderOf(here, client);
    client.say(frame);
    await settle();
    expect(client.closed?.code).toBe(CloseCode.BrokeProtocol);
    expect(backend.trunk.endsOf(TrunkKind.Detach)).toMatchObject([{ code: CloseCode.BrokeProtocol }]);
  });

  it('by another version is closed with 4505', async () => {
    const client = stage().connect();
    client.say('h{"v":2,"resume":"whatever that will be"}');
    expect(client.closed?.code).toBe(CloseCode.UnsupportedVersion);
  });

  it('by saying nothing is closed with 4004', async () => {
    const client = stage().connect();
    await settle(HELLO_TIMEOUT_MS + 600);
    expect(client.closed?.code).toBe(CloseCode.HelloTimeout);
  });
});

describe('a client that breaks a limit', () => {
  it('of size is closed with 1009', async () => {
    const here = stage();
    const client = await welcomed(here);
    client.say(`m1.0:${'x'.repeat(1024)}`);
    expect(client.closed).toBeUndefined();
    client.say(`m2.0:${'x'.repeat(1100)}`);
    expect(client.closed?.code).toBe(CloseCode.MessageTooBig);
  });

  it('of frequency is closed with 1008; acknowledgements do not count', async () => {
    const here = stage();
    const client = here.connect({ limits: { messagesPerSecond: 5 } });
    client.hello();
    await settle();
    for (let i = 0; i < 50; i += 1) client.say('a0');
    for (let i = 1; i <= 5; i += 1) client.say(`m${i}.0:x`);
    expect(client.closed).toBeUndefined();
    client.say('m6.0:x');
    expect(client.closed?.code).toBe(CloseCode.PolicyViolation);
    expect([...here.traffic.bounds.entries()]).toMatchObject([{ labels: { bound: 'messages_per_second' }, value: 1 }]);
  });

  it('of lifetime is closed with 1001', async () => {
    const here = stage();
    const client = here.connect({ limits: { lifetimeMs: 10_000 } });
    client.hello();
    await settle(8000);
    expect(client.closed).toBeUndefined();
    await settle(4000);
    expect(client.closed?.code).toBe(CloseCode.GoingAway);
  });
});

describe('a client that is slow', () => {
  it('stops its backend at 64 KiB, and lets it go on at 16', async () => {
    const here = stage();
    const client = await welcomed(here);
    const { trunk, stream } = holderOf(here, client);
    client.nextResult = 'buffered';
    client.bufferedBytes = 60_000;
    trunk.sendText(stream, 'm1.0:x');
    await settle();
    expect(trunk.frames.filter(({ kind }) => kind === TrunkKind.Credit)).toEqual([]);
    client.bufferedBytes = 70_000;
    trunk.sendText(stream, 'm2.0:x');
    trunk.sendText(stream, 'm3.0:x');
    await settle();
    client.bufferedBytes = 20_000;
    client.session?.onWritable();
    client.bufferedBytes = 10_000;
    client.session?.onWritable();
    await settle();
    const credits = trunk.frames.filter(({ kind }) => kind === TrunkKind.Credit);
    expect(credits).toMatchObject([
      { stream, payload: CREDIT(0) },
      { stream, payload: CREDIT(1) },
    ]);
    expect(client.data).toEqual(['m1.0:x', 'm2.0:x', 'm3.0:x']);
  });

  it('and takes nothing for 10 s is closed with 4008, and its session stays', async () => {
    const here = stage();
    const client = await welcomed(here);
    const { trunk, stream } = holderOf(here, client);
    client.nextResult = 'buffered';
    client.bufferedBytes = 70_000;
    trunk.sendText(stream, 'm1.0:x');
    await settle(6000);
    client.session?.onWritable();
    await settle(6000);
    expect(client.closed).toBeUndefined();
    await settle(6000);
    expect(client.closed?.code).toBe(CloseCode.SlowConsumer);
    expect(trunk.endsOf(TrunkKind.Detach)).toMatchObject([{ code: CloseCode.SlowConsumer }]);
    expect((await resuming(here, client.welcome.token)).welcome.resumed).toBe(true);
  });

  it('beyond the hard bound is closed at once, and sent nothing behind the gap', async () => {
    const here = stage();
    const client = await welcomed(here);
    const { trunk, stream } = holderOf(here, client);
    client.nextResult = 'dropped';
    trunk.sendBatch([1, 2, 3].map((n) => ({ stream, kind: TrunkKind.Text, payload: Buffer.from(`m${n}.0:x`) })));
    await settle();
    expect(client.closed?.code).toBe(CloseCode.SlowConsumer);
    expect(client.data).toEqual([]);
  });

  it('still is when another backend takes its session', async () => {
    const here = stage();
    const client = await welcomed(here);
    const { trunk, stream, backend } = holderOf(here, client);
    client.nextResult = 'buffered';
    client.bufferedBytes = 70_000;
    trunk.sendText(stream, 'm1.0:x');
    await settle();
    backend.isReachable = false;
    backend.crash();
    await settle();
    const next = holderOf(here, client);
    expect(next.trunk.frames.filter(({ kind }) => kind === TrunkKind.Credit)).toMatchObject([{ payload: CREDIT(0) }]);
  });
});

describe('a backend', () => {
  it('that is slow is sent no data until it says so, but acknowledgements', async () => {
    const here = stage();
    const client = await welcomed(here);
    const { trunk, stream } = holderOf(here, client);
    trunk.send(stream, TrunkKind.Credit, CREDIT(0));
    await settle();
    client.say('m1.0:x');
    client.say('a5');
    await settle();
    expect(trunk.textsOf(TrunkKind.Text)).toEqual(['a5']);
    trunk.send(stream, TrunkKind.Credit, CREDIT(1));
    await settle();
    client.say('m2.0:y');
    await settle();
    expect(trunk.textsOf(TrunkKind.Text)).toEqual(['a5', 'm1.0:x', 'm2.0:y']);
  });

  it('that is slow for a client that goes on: 1013 at the bound', async () => {
    const here = stage();
    const client = await welcomed(here);
    const { trunk, stream } = holderOf(here, client);
    trunk.send(stream, TrunkKind.Credit, CREDIT(0));
    await settle();
    for (let n = 1; n < 20 && client.closed === undefined; n += 1) client.say(`m${n}.0:${'x'.repeat(1000)}`);
    expect(client.closed?.code).toBe(CloseCode.TryAgainLater);
  });

  it('that closes ends the session for good', async () => {
    const here = stage();
    const client = await welcomed(here);
    const { trunk, stream } = holderOf(here, client);
    trunk.send(stream, TrunkKind.Close, encodeCloseFrame(4321, 'bye'));
    await settle();
    expect(client.controls('c')).toEqual([{ code: 4321, reason: 'bye' }]);
    expect(client.closed).toEqual({ code: 4321, reason: 'bye' });
    expect(here.store.sessions.lookup(client.welcome.session)).toBeUndefined();
  });

  it.each([CloseCode.Replaced, CloseCode.SlowConsumer, CloseCode.SequenceGap])(
    'that detaches with %i ends the connection alone',
    async (code) => {
      const here = stage();
      const client = await welcomed(here);
      const { trunk, stream } = holderOf(here, client);
      trunk.send(stream, TrunkKind.Detach, encodeCloseFrame(code, ''));
      await settle();
      expect(client.closed?.code).toBe(code);
      expect(client.controls('c')).toEqual([]);
      expect(trunk.endsOf(TrunkKind.Detach)).toEqual([]);
      expect(here.store.sessions.lookup(client.welcome.session)).toBeDefined();
    },
  );

  it('that says several things to one client at once: they leave together', async () => {
    const here = stage();
    const [one, two] = [await welcomed(here), await welcomed(here)];
    const { trunk, stream } = holderOf(here, one);
    const other = holderOf(here, two);
    trunk.sendBatch([1, 2, 3].map((n) => ({ stream, kind: TrunkKind.Text, payload: Buffer.from(`m${n}.0:x`) })));
    other.trunk.sendText(other.stream, 'm1.0:single');
    await settle();
    expect([one.data, one.corks]).toEqual([['m1.0:x', 'm2.0:x', 'm3.0:x'], 1]);
    expect([two.data, two.corks]).toEqual([['m1.0:single'], 0]);
  });

  it('that breaks the protocol loses its trunk, not the clients', async () => {
    const here = stage();
    const client = await welcomed(here);
    const { trunk, stream } = holderOf(here, client);
    trunk.sendJson(stream, TrunkKind.Opened, { handled: 0, received: 0 });
    await settle();
    expect(trunk.closed?.code).toBe(CloseCode.BrokeProtocol);
    expect(client.closed).toBeUndefined();
    expect(client.controls('r')).toHaveLength(1);
  });
});

describe('the end', () => {
  it('by the client is final: the backend is told, the record is gone', async () => {
    const here = stage();
    const client = await welcomed(here);
    const { trunk } = holderOf(here, client);
    client.say('c{"code":1000,"reason":"done"}');
    await settle();
    expect(client.closed?.code).toBe(1000);
    expect(trunk.endsOf(TrunkKind.Close)).toEqual([{ code: 1000, reason: 'done' }]);
    expect(here.store.sessions.lookup(client.welcome.session)).toBeUndefined();
    expect(here.ends).toMatchObject([{ end: { code: 1000, closedBy: 'client', isFinal: true } }]);
  });

  it('before the welcome leaves nothing behind', async () => {
    const here = stage();
    await settle();
    for (const backend of here.backends.values()) backend.onOpen = () => undefined;
    const client = here.connect();
    client.hello();
    await settle();
    const id = client.session!.id;
    expect(here.store.sessions.lookup(id)).toBeDefined();
    client.vanish();
    await settle();
    expect(here.store.sessions.lookup(id)).toBeUndefined();
    expect([...here.backends.values()].flatMap(({ trunk }) => trunk.endsOf(TrunkKind.Close))).toHaveLength(1);
  });

  it('leaves no load behind', async () => {
    const here = stage();
    const clients = [await welcomed(here), await welcomed(here), await welcomed(here)];
    expect(here.pool.loads()).not.toEqual({});
    for (const client of clients) client.vanish();
    expect(here.pool.loads()).toEqual({});
    expect([...here.traffic.counts.values()].map(({ open }) => open)).toEqual([0, 0]);
    expect(here.pool.underflows).toBe(0);
  });
});

describe('quiet', () => {
  it('is broken by a ping per heartbeat, and a client that answers is kept', async () => {
    const here = stage();
    const client = await welcomed(here);
    for (let i = 0; i < 20; i += 1) {
      await settle(15_500);
      client.say('q{}');
    }
    expect(client.controls('p').length).toBeGreaterThanOrEqual(19);
    expect(client.closed).toBeUndefined();
  });

  it('of a client for longer than the route allows: cut, and its session stays', async () => {
    const here = stage();
    const client = await welcomed(here);
    await settle(121_000);
    expect(client.isTerminated).toBe(true);
    expect(here.ends).toMatchObject([{ end: { isFinal: false, closedBy: 'edge' } }]);
  });

  it('of a plain client is asked about by a ping of its own protocol', async () => {
    const here = stage();
    const client = here.connect({ isPlain: true });
    await settle(61_000);
    expect(client.pings).toBe(1);
    client.session?.onPong();
    await settle(61_000);
    expect(client.pings).toBe(2);
    expect(client.isTerminated).toBe(false);
  });
});
