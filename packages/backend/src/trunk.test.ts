/** A trunk by itself: who is let in, how long it lives, and what is done with bytes that make no sense. */
import { createHmac } from 'node:crypto';
import { encodeJson, encodeWithTail, TrunkKind } from '@holdfast/protocol';
import * as fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { createBackend } from './backend.js';
import { FakeWorker } from './testing/fake-worker.js';
import { ID, pass, Stage, useStage } from './testing/stage.js';

const own = useStage();
const openOf = (session: string) => ({
  session,
  generation: 2,
  cause: 'connect',
  path: '/',
  query: '',
  headers: {},
  address: '127.0.0.9',
  windowMs: 1000,
});

describe('the handshake', () => {
  it('proves both ends to each other, and says what this backend is', async () => {
    const stage = new Stage({ capacity: 7, maxMessageBytes: 1000, random: (bytes) => new Uint8Array(bytes) });
    const worker = stage.worker();
    const challenge = worker.of('challenge')[0]?.body;
    expect(challenge).toEqual({ versions: [1], nonce: 'A'.repeat(43) });
    const text = `holdfast-trunk.v1 backend\n${'A'.repeat(43)}\n${'n'.repeat(43)}`;
    expect(worker.of('ready')[0]?.body).toEqual({
      proof: createHmac('sha256', 'secret').update(text).digest('base64url'),
      incarnation: 'A'.repeat(16),
      capacity: 7,
      authenticates: false,
      maxMessageBytes: 1000,
    });
    await stage.backend.close();
  });

  it.each(['old', 'new'])('takes any of several secrets: %s', async (secret) => {
    const stage = new Stage({ secret: ['new', 'old'] });
    expect(stage.worker({ secret }).isReady).toBe(true);
    await stage.backend.close();
  });

  it('ends with 4501 for a worker that does not know the secret', () => {
    const { stage } = own;
    expect(stage.worker({ secret: 'guess' }).transport.end).toMatchObject({ code: 4501 });
    expect(stage.errors.map(({ code }) => code)).toEqual(['BACKEND_TRUNK_REFUSED']);
  });

  it('ends with 4505 for a worker of another version', () => {
    expect(own.stage.worker({ version: 2 }).transport.end).toMatchObject({ code: 4505 });
  });

  it('ends with 4408 when it takes too long', async () => {
    const silent = new FakeWorker();
    own.stage.backend.acceptTrunk(silent.transport);
    await pass(4750);
    expect(silent.transport.end).toBeUndefined();
    await pass(500);
    expect(silent.transport.end).toMatchObject({ code: 4408 });
  });

  it('ends with 4400 for whoever does not begin with a proof', () => {
    const stranger = new FakeWorker();
    own.stage.backend.acceptTrunk(stranger.transport);
    stranger.open(ID);
    expect(stranger.transport.end).toMatchObject({ code: 4400 });
    expect(own.stage.seen).toEqual([]);
  });

  it('is not begun with more than 100 strangers at once', () => {
    const strangers = Array.from({ length: 101 }, () => new FakeWorker());
    for (const { transport } of strangers) own.stage.backend.acceptTrunk(transport);
    expect(strangers.filter(({ transport }) => transport.end !== undefined).length).toBe(1);
    expect(strangers.at(-1)?.transport.end).toMatchObject({ code: 1013 });
  });

  it('tells the application of workers that come and go', () => {
    const { stage } = own;
    const changes: unknown[] = [];
    stage.backend.on('trunk', ({ worker, state, end }) => changes.push([worker, state, end?.code]));
    const worker = stage.worker();
    worker.transport.lose();
    expect(changes).toEqual([
      [worker.name, 'ready', undefined],
      [worker.name, 'closed', 1006],
    ]);
  });
});

describe('the heartbeat', () => {
  it('pings, and answers pings with their own bytes', async () => {
    const worker = own.stage.worker({ heartbeatMs: 1000, staleMs: 3000 });
    await pass(3100);
    expect(worker.of('ping').length).toBe(3);
    expect(worker.transport.end).toBeUndefined();
    worker.say(0, TrunkKind.Ping, Uint8Array.of(1, 2));
    expect(worker.of('pong').length).toBe(1);
  });

  it('gives a silent worker up', async () => {
    const worker = own.stage.worker({ heartbeatMs: 1000, staleMs: 3000 });
    const { seen } = own.stage.begin(worker);
    worker.transport.deliver = () => undefined;
    await pass(3500);
    expect(worker.transport.end).toBeDefined();
    expect(seen.events).toEqual(['detached 4011']);
  });

  it.each(['a batch', 'a tick'])(
    'lets all trunks go when this process was asleep, before %s has an effect',
    async (first) => {
      const { stage } = own;
      const worker = stage.worker();
      const other = stage.worker();
      const { stream, seen } = stage.begin(worker);
      vi.setSystemTime(Date.now());
      // The clock goes on while timers do not, as for a process that is stopped.
      vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 10_000);
      if (first === 'a batch') stream.message('1');
      else await pass(250);
      expect(worker.transport.end).toMatchObject({ code: 4011 });
      expect(other.transport.end).toMatchObject({ code: 4011 });
      expect(seen.messages).toEqual([]);
      expect(seen.events).toEqual(['detached 4011']);
      vi.restoreAllMocks();
    },
  );
});

describe('frames that nobody expects', () => {
  it('data of an unknown stream is answered with close 4404, anything else is dropped', () => {
    const worker = own.stage.worker();
    worker.say(9, TrunkKind.Text, Buffer.from('m1.0:x'));
    expect(worker.on(9)).toMatchObject([{ kind: 'close', code: 4404 }]);
    for (const kind of [TrunkKind.Close, TrunkKind.Detach, TrunkKind.Handoff, TrunkKind.Resync, TrunkKind.Credit]) {
      worker.say(9, kind, new Uint8Array());
    }
    expect(worker.on(9).length).toBe(1);
    expect(worker.transport.end).toBeUndefined();
  });

  it.each([
    ['half a frame', (worker: FakeWorker) => worker.transport.deliver(new Uint8Array(5))],
    ['an unknown kind', (worker: FakeWorker) => worker.say(0, 0x7f, new Uint8Array())],
    ['data of the trunk itself', (worker: FakeWorker) => worker.say(0, TrunkKind.Text, new Uint8Array())],
    ['a kind of the other end', (worker: FakeWorker) => worker.say(1, TrunkKind.Opened, encodeJson({}))],
    [
      'a stream that was used',
      (worker: FakeWorker) => {
        worker.open(ID).close();
        worker.say(1, TrunkKind.Open, encodeWithTail(openOf(ID), []));
      },
    ],
    ['an open without its fields', (worker: FakeWorker) => worker.say(1, TrunkKind.Open, encodeWithTail({}, []))],
    [
      'credit of two',
      (worker: FakeWorker) => {
        worker.open(ID);
        worker.say(1, TrunkKind.Credit, Uint8Array.of(2));
      },
    ],
    [
      'a request that is not for backends',
      (worker: FakeWorker) =>
        worker.sayJson(0, TrunkKind.Request, {
          ref: 1,
          op: 'commit',
          session: ID,
          generation: 1,
          handled: 0,
          state: '',
        }),
    ],
    ['a long ping', (worker: FakeWorker) => worker.say(0, TrunkKind.Ping, new Uint8Array(65))],
  ])('%s closes the trunk with 4400; the application is told, its sessions wait', (_what, misbehave) => {
    const { stage } = own;
    const worker = stage.worker();
    misbehave(worker);
    expect(worker.transport.end).toMatchObject({ code: 4400 });
    expect(stage.errors.map(({ code }) => code)).toEqual(['BACKEND_TRUNK_BROKEN']);
    expect(stage.seen.every(({ session }) => !session.isAttached)).toBe(true);
  });

  it('any bytes close the trunk or are ignored, and nothing is ever thrown', () => {
    const head = fc.tuple(fc.constantFrom(0, 1, 2), fc.constantFrom(...Object.values(TrunkKind)), fc.uint8Array());
    const json = fc.tuple(
      fc.constantFrom(0, 1, 2),
      fc.constantFrom(...Object.values(TrunkKind)),
      fc.oneof(
        fc.object().map((body) => encodeJson(body)),
        fc.object().map((body) => encodeWithTail(body, [])),
        fc.string().map((text) => new Uint8Array(Buffer.from(`m1.0:${text}`))),
      ),
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(head, json), { maxLength: 8 }), fc.uint8Array(), (frames, rest) => {
        const backend = createBackend({ secret: 'secret', signals: false });
        backend.on('session', (session) => {
          session.on('message', (data) => void session.send(data));
        });
        const worker = FakeWorker.connect(backend);
        worker.open(ID);
        for (const [stream, kind, payload] of frames) worker.gather(stream, kind, payload);
        worker.flush();
        worker.transport.deliver(rest);
        void backend.close();
      }),
      { numRuns: 2000 },
    );
  });
});

describe('loads', () => {
  it('are told when a worker comes, and when they changed', async () => {
    const worker = own.stage.worker();
    expect(worker.of('load').map(({ body }) => body)).toEqual([{ sessions: 0, lagMs: 0, weight: 1 }]);
    for (let i = 0; i < 100; i += 1) worker.open(String(i).padStart(22, 'A'));
    await pass(5000);
    expect(worker.of('load').map(({ body }) => body?.['sessions'])).toEqual([0, 100]);
    worker.open('B'.repeat(22));
    await pass(2000);
    expect(worker.of('load').length).toBe(2);
  });
});

describe('authentication', () => {
  const question = { op: 'authenticate', path: '/', query: '', headers: {}, address: '127.0.0.9' };

  it.each([
    [
      'who the client is',
      () => ({ principal: 'ann', claims: { a: 1 } }),
      { ok: true, principal: 'ann', claims: { a: 1 } },
    ],
    ['that nobody knows it', () => undefined, { ok: true, principal: null }],
    ['a promise', () => Promise.resolve({ principal: '' }), { ok: true, principal: '' }],
    ['nonsense', () => ({ principal: 7 }), { ok: false, retryable: true }],
    ['an error', () => Promise.reject(new Error('no database')), { ok: false, retryable: true }],
  ])('the application may answer %s', async (_what, authenticate, answer) => {
    const stage = new Stage({ authenticate: authenticate as never });
    const worker = stage.worker();
    expect(worker.of('ready')[0]?.body).toMatchObject({ authenticates: true });
    worker.sayJson(0, TrunkKind.Request, { ref: 3, ...question, auth: 'token' });
    await pass(1);
    expect(worker.of('result').map(({ body }) => body)).toMatchObject([{ ref: 3, ...answer }]);
    expect(stage.errors.length).toBe(answer.ok ? 0 : 1);
    await stage.backend.close();
  });

  it('gets what the client gave', async () => {
    const asked: unknown[] = [];
    const stage = new Stage({
      authenticate: (request) => {
        asked.push(request);
        return { principal: 'ann' };
      },
    });
    stage.worker().sayJson(0, TrunkKind.Request, { ref: 1, ...question, auth: 'token' });
    const { op: _op, ...rest } = question;
    expect(asked).toEqual([{ ...rest, auth: 'token' }]);
    await stage.backend.close();
  });

  it('is refused by a backend without it', () => {
    const worker = own.stage.worker();
    worker.sayJson(0, TrunkKind.Request, { ref: 1, ...question });
    expect(worker.of('result')[0]?.body).toMatchObject({ ok: false, retryable: false });
  });
});
