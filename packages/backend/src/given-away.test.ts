/** What a backend has handed over, until the worker that took it says that it has a place. */
import type { ClientCounters, Open } from '@holdfast/protocol';
import { describe, expect, it, vi } from 'vitest';
import { type Given, GivenAway } from './given-away.js';
import type { SessionCore } from './session-core.js';
import type { FakeStream, FakeWorker } from './testing/fake-worker.js';
import { gate, ID, pass, type Seen, type Stage, useStage } from './testing/stage.js';
import type { Trunk } from './trunk.js';

const own = useStage();
const OTHER = 'B'.repeat(22);
const NOT_HELD = { kind: 'close', code: 4404, reason: 'not held here' };
/** Of a client that has the first of two answers. */
const CLIENT: ClientCounters = { received: 1, lowest: 2, sent: 2 };
const parks = { onRequest: () => ({ outcome: 'parked' }) };
const ON_ITS_OWN = 'x'.repeat(16);

/** A session that has two messages handled and the answer to the second not acknowledged, and is handed over. */
function handOver(stage: Stage, worker: FakeWorker): { readonly stream: FakeStream; readonly seen: Seen } {
  const { stream, seen } = stage.begin(worker);
  stage.handle = (session, data) => session.send(`re ${String(data)}`);
  stream.message('1');
  stream.message('2', { ack: 1 });
  seen.session.state = { room: 'blue' };
  stream.askHandoff();
  expect(stream.heard.at(-1)?.kind).toBe('handoff');
  return { stream, seen };
}

function comeBack(worker: FakeWorker, open: Partial<Open> = {}): FakeStream {
  return worker.open(ID, { cause: 'resume', generation: 2, client: CLIENT, ...open });
}

const numbered = (stream: FakeStream): unknown[] =>
  stream.heard.filter(({ data }) => data !== undefined).map(({ n, data }) => [n, data]);

describe('a session that was handed over, before its stream is closed', () => {
  it('is given to its client that comes back, with its tail, its state and its numbers', () => {
    const { stage } = own;
    const { seen } = handOver(stage, stage.worker());
    expect(seen.events).toEqual(['close 1012']);
    const again = comeBack(stage.worker({ name: ON_ITS_OWN }));
    expect(again.opened).toEqual({ handled: 1, received: 2 });
    expect(numbered(again)).toEqual([[2, 're 2']]);
    expect(stage.seen.length).toBe(2);
    expect(stage.last).toMatchObject({ cause: 'handoff', events: [] });
    expect(stage.last.session.state).toEqual({ room: 'blue' });
    again.message('3', { n: 3, ack: 2 });
    expect(stage.last.messages).toMatchObject([{ data: '3', redelivered: false }]);
    expect(numbered(again)).toEqual([
      [2, 're 2'],
      [3, 're 3'],
    ]);
    expect(seen.messages.length).toBe(2);
  });

  it('has the message handled again that was in hand for too long', async () => {
    const { stage } = own;
    const { stream } = stage.begin(stage.worker());
    stage.handle = () => gate().opened;
    stream.message('1');
    stream.askHandoff();
    await pass(5500);
    expect(stream.heard.at(-1)?.kind).toBe('handoff');
    const again = comeBack(stage.worker(), { client: { received: 0, lowest: 1, sent: 1 } });
    expect(again.opened).toEqual({ handled: 0, received: 0 });
    again.message('1', { n: 1 });
    expect(stage.last.messages).toMatchObject([{ data: '1', redelivered: true }]);
  });

  it('keeps in mind what the backend before this one may have begun with', () => {
    const { stage } = own;
    const worker = stage.worker();
    const counters = { handled: 3, received: 4, lastDown: 0, ackedDown: 0 };
    const client = { received: 0, lowest: 4, sent: 4 };
    worker.open(ID, { generation: 2, cause: 'handoff', counters, client }).askHandoff();
    const again = comeBack(worker, { generation: 3, client });
    again.message('4', { n: 4 });
    again.message('5', { n: 5 });
    expect(stage.last.messages).toMatchObject([{ redelivered: true }, { redelivered: false }]);
  });

  it('is given back once', () => {
    const { stage } = own;
    const worker = stage.worker();
    handOver(stage, worker);
    const again = comeBack(worker);
    expect(again.opened).toBeDefined();
    again.close();
    expect(comeBack(worker, { generation: 3 }).end).toMatchObject(NOT_HELD);
    expect(stage.seen.length).toBe(2);
  });

  it('is kept until the worker closes that very stream', () => {
    const { stage } = own;
    const worker = stage.worker();
    const { stream } = handOver(stage, worker);
    const other = stage.worker({ name: ON_ITS_OWN });
    const sameNumber = other.open(OTHER);
    expect(sameNumber.id).toBe(stream.id);
    sameNumber.close();
    sameNumber.close();
    stream.detach();
    const again = comeBack(other);
    expect(again.opened).toBeDefined();
    again.askHandoff();
    // Late, of the stream before.
    stream.taken();
    const third = comeBack(other, { generation: 3 });
    expect(third.opened).toBeDefined();
    third.askHandoff();
    third.taken();
    expect(comeBack(other, { generation: 4 }).end).toMatchObject(NOT_HELD);
  });

  it('is not given to an older connection, and waits for a newer one', () => {
    const { stage } = own;
    const worker = stage.worker();
    handOver(stage, worker);
    expect(comeBack(worker, { generation: 1 }).end).toMatchObject(NOT_HELD);
    expect(stage.seen.length).toBe(1);
    expect(comeBack(worker).opened).toBeDefined();
  });

  it.each([
    ['has received', { received: 3, lowest: 2, sent: 2 }],
    ['was told to forget', { received: 1, lowest: 4, sent: 3 }],
  ])('is not given to a client that %s more than was handed over: somebody else has had it since', (_what, client) => {
    const { stage } = own;
    const worker = stage.worker();
    handOver(stage, worker);
    expect(comeBack(worker, { client }).end).toMatchObject(NOT_HELD);
    expect(comeBack(worker, { generation: 3 }).end).toMatchObject(NOT_HELD);
    expect(stage.seen.length).toBe(1);
  });

  it('is given to a client that knows exactly as much', () => {
    const { stage } = own;
    const worker = stage.worker();
    handOver(stage, worker);
    const again = comeBack(worker, { client: { received: 2, lowest: 3, sent: 2 } });
    expect(again.opened).toEqual({ handled: 2, received: 2 });
    expect(again.messages).toEqual([]);
  });

  it.each([
    [9500, true],
    [10_500, false],
  ])('is kept for ten seconds: asked for after %i ms, is it given? %s', async (afterMs, isGiven) => {
    const { stage } = own;
    const worker = stage.worker();
    handOver(stage, worker);
    await pass(afterMs);
    expect(comeBack(worker).opened !== undefined).toBe(isGiven);
  });

  it('is given to a worker that was not told, whose client says later how far it got', async () => {
    const { stage } = own;
    const worker = stage.worker();
    handOver(stage, worker);
    worker.transport.lose();
    const again = comeBack(stage.worker({ name: ON_ITS_OWN }), { client: undefined });
    expect(again.opened).toEqual({ handled: 0, received: 2 });
    await pass(100);
    expect(again.messages).toEqual([]);
    again.resync(CLIENT);
    expect(numbered(again)).toEqual([[2, 're 2']]);
    expect(stage.last.session.state).toEqual({ room: 'blue' });
  });

  it('is not kept when its client is a plain one, which cannot come back', () => {
    const { stage } = own;
    const worker = stage.worker();
    const stream = worker.open(ID, { plain: true });
    stream.askHandoff();
    expect(stream.heard.at(-1)?.kind).toBe('handoff');
    expect(comeBack(worker, { plain: true, client: { received: 0, lowest: 1, sent: 0 } }).end).toMatchObject(NOT_HELD);
  });
});

describe('a trunk that is lost before its worker has said that what it was given has a place', () => {
  it('has the session parked complete by another worker, and given to its client all the same', async () => {
    const { stage } = own;
    const worker = stage.worker();
    const other = stage.worker({ name: ON_ITS_OWN, ...parks });
    handOver(stage, worker);
    worker.transport.lose();
    await pass(1);
    expect(other.requests.map(({ body }) => body)).toMatchObject([
      {
        op: 'park',
        session: ID,
        generation: 1,
        complete: true,
        handled: 2,
        received: 2,
        lastDown: 2,
        ackedDown: 1,
        state: 'j{"room":"blue"}',
      },
    ]);
    expect(other.requests[0]?.tail.map(({ n, data }) => [n, Buffer.from(data).toString()])).toEqual([[2, 're 2']]);
    const again = comeBack(other);
    expect(numbered(again)).toEqual([[2, 're 2']]);
    expect(stage.last.session.state).toEqual({ room: 'blue' });
  });

  it('has nothing parked that has a place, and nothing that another trunk was given', async () => {
    const { stage } = own;
    const worker = stage.worker();
    const other = stage.worker({ name: ON_ITS_OWN, ...parks });
    handOver(stage, worker).stream.taken();
    const kept = other.open(OTHER);
    kept.askHandoff();
    worker.transport.lose();
    await pass(300);
    expect(other.requests).toEqual([]);
  });

  it('has it parked for as long as its client may be away, however old this backend is', async () => {
    const { stage } = own;
    const worker = stage.worker();
    const other = stage.worker({ name: ON_ITS_OWN, ...parks });
    await pass(150_000);
    handOver(stage, worker);
    worker.transport.lose();
    await pass(1);
    expect(other.requests.map(({ body }) => body['windowMs'])).toEqual([120_000]);
  });

  it('has its tail parked though its client never said how far it got', async () => {
    const { stage } = own;
    const worker = stage.worker();
    const other = stage.worker({ name: ON_ITS_OWN, ...parks });
    const counters = { handled: 2, received: 2, lastDown: 2, ackedDown: 1 };
    const tail = [{ n: 2, isBinary: false, data: new Uint8Array(Buffer.from('re 2')) }];
    const stream = worker.open(ID, { generation: 2, cause: 'handoff', client: undefined, counters, tail });
    stream.askHandoff();
    await pass(5500);
    expect(stream.heard.at(-1)?.tail?.length).toBe(1);
    worker.transport.lose();
    await pass(1);
    expect(other.requests.map((request) => request.tail.map(({ n }) => n))).toEqual([[2]]);
  });
});

describe('a drain, once all is handed over', () => {
  function watched<T>(promise: Promise<T>): { value: T | undefined } {
    const seen: { value: T | undefined } = { value: undefined };
    void promise.then((value) => (seen.value = value));
    return seen;
  }

  it('waits until the worker has closed the streams', async () => {
    const { stage } = own;
    const worker = stage.worker();
    const { stream } = handOver(stage, worker);
    const second = worker.open(OTHER);
    second.askHandoff();
    const report = watched(stage.backend.drain({ timeoutMs: 8000 }));
    await pass(3000);
    stream.taken();
    await pass(3000);
    expect(report.value).toBeUndefined();
    expect(worker.transport.end).toBeUndefined();
    second.taken();
    await pass(0);
    expect(report.value).toMatchObject({ left: 0 });
    expect(worker.transport.end).toMatchObject({ code: 1001 });
  });

  it('waits until its deadline at most', async () => {
    const { stage } = own;
    const { stream } = stage.begin(stage.worker());
    const report = watched(stage.backend.drain({ timeoutMs: 2000 }));
    stream.askHandoff();
    await pass(1900);
    expect(report.value).toBeUndefined();
    await pass(200);
    expect(report.value).toEqual({ handedOver: 1, parked: 0, left: 0 });
  });

  it('hands a session over again that was taken back meanwhile', async () => {
    const { stage } = own;
    const worker = stage.worker(parks);
    const { stream } = stage.begin(worker);
    stage.handle = (session, data) => session.send(`re ${String(data)}`);
    // So that the drain has something else to wait for.
    const other = worker.open(OTHER);
    const report = watched(stage.backend.drain({ timeoutMs: 8000 }));
    stream.message('1');
    stream.askHandoff();
    const again = comeBack(worker, { client: { received: 0, lowest: 1, sent: 1 } });
    expect(numbered(again)).toEqual([[1, 're 1']]);
    again.message('2', { n: 2 });
    again.askHandoff();
    expect(again.heard.at(-1)).toMatchObject({ kind: 'handoff', body: { handled: 2, lastDown: 2, ackedDown: 0 } });
    other.askHandoff();
    other.taken();
    await pass(500);
    expect(report.value).toBeUndefined();
    again.taken();
    await pass(0);
    expect(report.value).toMatchObject({ parked: 0, left: 0 });
  });

  it('waits for one that was taken back when there is no other', async () => {
    const { stage } = own;
    const worker = stage.worker(parks);
    const { stream } = stage.begin(worker);
    const report = watched(stage.backend.drain({ timeoutMs: 8000 }));
    stream.askHandoff();
    const again = comeBack(worker, { client: { received: 0, lowest: 1, sent: 0 } });
    await pass(500);
    expect(report.value).toBeUndefined();
    again.askHandoff();
    again.taken();
    await pass(0);
    expect(report.value).toMatchObject({ parked: 0, left: 0 });
  });
});

describe('GivenAway', () => {
  const trunk = {} as Trunk<SessionCore>;
  const given = (i: number): Given => ({
    core: { id: `session ${i}`, isPlain: false, generation: 1 } as SessionCore,
    attachment: { trunk, stream: i } as Given['attachment'],
    counters: { handled: 0, received: 0, lastDown: 0, ackedDown: 0 },
    state: undefined,
    tail: [],
  });
  const ask = (i: number): Open => ({ session: `session ${i}`, generation: 2 }) as Open;

  it('forgets the oldest beyond 10,000', () => {
    const kept = new GivenAway(() => undefined);
    for (let i = 0; i < 10_001; i += 1) kept.add(given(i));
    expect(kept.size).toBe(10_000);
    expect(kept.takeBack(ask(0))).toBeUndefined();
    expect(kept.takeBack(ask(1))).toBeDefined();
    expect(kept.takeBack(ask(10_000))).toBeDefined();
  });

  it('takes one that is given away again for the youngest', () => {
    const kept = new GivenAway(() => undefined);
    for (let i = 0; i < 10_000; i += 1) kept.add(given(i));
    kept.add(given(0));
    kept.add(given(10_000));
    expect(kept.takeBack(ask(0))).toBeDefined();
    expect(kept.takeBack(ask(1))).toBeUndefined();
  });

  it('knows a client that was told of a message by its commit, before the handler was done', () => {
    const kept = new GivenAway(() => undefined);
    const { core, ...rest } = given(1);
    kept.add({ ...rest, core: { ...core, exchange: { committed: 1 } } as SessionCore });
    expect(kept.takeBack({ ...ask(1), client: { received: 0, lowest: 2, sent: 1 } })).toBeDefined();
  });

  it('tells when the last is gone, and not before', () => {
    const onGone = vi.fn<() => void>();
    const kept = new GivenAway(onGone);
    kept.add(given(1));
    kept.add(given(2));
    kept.onTaken(trunk, 1);
    expect([...kept.of(trunk)].map(({ core }) => core.id)).toEqual(['session 2']);
    expect(onGone).not.toHaveBeenCalled();
    kept.tick(performance.now() + 10_000);
    expect(kept.size).toBe(0);
    expect(onGone).toHaveBeenCalledOnce();
  });
});
