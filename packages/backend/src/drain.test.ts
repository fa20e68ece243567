/** How a backend leaves. */
import { describe, expect, it } from 'vitest';
import { gate, ID, pass, useStage } from './testing/stage.js';

const own = useStage();
const OTHER = 'B'.repeat(22);
const entry = (n: number, text: string) => ({ n, isBinary: false, data: new Uint8Array(Buffer.from(text)) });
/** What another backend had, and whose client is not known yet. */
const MOVED = {
  generation: 2,
  client: undefined,
  counters: { handled: 3, received: 4, lastDown: 6, ackedDown: 4 },
  tail: [entry(5, 'a'), entry(6, 'b')],
};

describe('a drain', () => {
  it('announces itself, hands sessions over as they are asked for, and closes the trunks', async () => {
    const { stage } = own;
    const worker = stage.worker();
    const { stream, seen } = stage.begin(worker);
    seen.session.send('unacknowledged');
    const drained = stage.backend.drain({ timeoutMs: 1000 });
    await pass(1);
    expect(worker.of('drain').map(({ body }) => body)).toMatchObject([{ deadlineMs: 1000 }]);
    stream.askHandoff();
    const handoff = stream.heard.at(-1);
    expect(handoff?.body).toEqual({ handled: 0, received: 0, lastDown: 1, ackedDown: 0 });
    expect(handoff?.tail?.map(({ n, data }) => [n, Buffer.from(data).toString()])).toEqual([[1, 'unacknowledged']]);
    stream.taken();
    expect(await drained).toEqual({ handedOver: 1, parked: 0, left: 0 });
    expect(worker.transport.end).toMatchObject({ code: 1001 });
    expect(seen.events).toEqual(['close 1012']);
    expect(await stage.backend.drain()).toEqual({ handedOver: 1, parked: 0, left: 0 });
  });

  it('is announced to a worker that comes meanwhile, with what is left of the time in whole milliseconds', async () => {
    const { stage } = own;
    const busy = stage.begin(stage.worker({ name: 'a'.repeat(16) }));
    const drained = stage.backend.drain({ timeoutMs: 1000 });
    await pass(100.4);
    const late = stage.worker({ name: 'b'.repeat(16) });
    await pass(1);
    expect(late.of('drain').map(({ body }) => body)).toMatchObject([{ deadlineMs: 900 }]);
    busy.stream.askHandoff();
    busy.stream.taken();
    await drained;
  });

  it('lets the handler finish the message in hand; those behind it go to the next backend', async () => {
    const { stage } = own;
    const worker = stage.worker();
    const { stream, seen } = stage.begin(worker);
    const busy = gate();
    stage.handle = (session, data) => busy.opened.then(() => session.send(`re ${String(data)}`));
    stream.message('1');
    stream.message('2');
    stream.askHandoff();
    stream.message('3');
    await pass(1000);
    expect(worker.of('handoff')).toEqual([]);
    busy.open();
    await pass(1);
    expect(stream.heard.at(-1)).toMatchObject({ kind: 'handoff', body: { handled: 1, received: 1, lastDown: 1 } });
    expect(seen.messages.length).toBe(1);
  });

  it('does not wait for a handler for longer than the time for that', async () => {
    const { stage } = own;
    const { stream } = stage.begin(stage.worker());
    stage.handle = () => gate().opened;
    stream.message('1');
    stream.askHandoff();
    await pass(4900);
    expect(stream.heard.length).toBe(1);
    await pass(500);
    expect(stream.heard.at(-1)).toMatchObject({ kind: 'handoff', body: { handled: 0, received: 1 } });
  });

  it('waits for the resync of a session that has just come', async () => {
    const { stage } = own;
    const stream = stage.worker().open(ID, { generation: 2, cause: 'failover', client: undefined });
    stage.last.session.send('hello');
    stream.askHandoff();
    await pass(100);
    expect(stream.heard.map(({ kind }) => kind)).toEqual(['opened']);
    stream.resync({ received: 5, lowest: 3, sent: 2 });
    expect(stream.heard.find(({ kind }) => kind === 'handoff')?.body).toMatchObject({
      handled: 2,
      lastDown: 6,
      ackedDown: 5,
    });
  });

  it('waits for the handler of a session that has just come back, resync or not', async () => {
    const { stage } = own;
    const worker = stage.worker();
    const { stream } = stage.begin(worker);
    const busy = gate();
    stage.handle = () => busy.opened;
    stream.message('1');
    stream.detach();
    const again = worker.open(ID, { generation: 2, cause: 'resume', client: undefined });
    again.askHandoff();
    again.resync({ received: 0, lowest: 1, sent: 1 });
    await pass(100);
    expect(worker.of('handoff')).toEqual([]);
    busy.open();
    await pass(1);
    expect(worker.of('handoff').map(({ body }) => body?.['handled'])).toEqual([1]);
  });

  it('gives plain messages that wait their turn first, since nobody sends them again', async () => {
    const { stage } = own;
    const stream = stage.worker().open(ID, { plain: true });
    const busy = gate();
    stage.handle = (_session, data) => (data === '1' ? busy.opened : undefined);
    stream.text('1');
    stream.text('2');
    stream.askHandoff();
    busy.open();
    await pass(1);
    expect(stage.last.messages.map(({ data }) => data)).toEqual(['1', '2']);
    expect(stream.heard.at(-1)?.kind).toBe('handoff');
  });

  it('parks sessions whose client is away, complete', async () => {
    const { stage } = own;
    const worker = stage.worker({ onRequest: () => ({ outcome: 'parked' }) });
    const { stream, seen } = stage.begin(worker);
    stage.handle = (session) => session.send('re');
    stream.message('1');
    stream.detach();
    const drained = stage.backend.drain();
    await pass(300);
    expect(worker.requests.at(-1)?.body).toMatchObject({ complete: true, handled: 1, received: 1, lastDown: 1 });
    expect(worker.requests.at(-1)?.tail.length).toBe(1);
    expect(await drained).toEqual({ handedOver: 0, parked: 1, left: 0 });
    expect(seen.events).toEqual(['detached 1006', 'close 1012']);
  });

  it('parks those that nobody took, at the deadline, and keeps their streams until the trunk is closed', async () => {
    const { stage } = own;
    const worker = stage.worker();
    const { stream, seen } = stage.begin(worker);
    worker.open(OTHER);
    const drained = stage.backend.drain({ timeoutMs: 2000 });
    await pass(1900);
    expect(worker.requests).toEqual([]);
    await pass(200);
    expect(worker.requests.map(({ body }) => body['complete'])).toEqual([true, true]);
    const [late, first] = worker.requests.toSorted((a, b) =>
      String(b.body['session']).localeCompare(String(a.body['session'])),
    );
    worker.answer(first!, { outcome: 'parked' });
    await pass(1);
    // A worker that is told that its stream is unknown would close its client.
    stream.message('still on its way');
    expect(stream.end).toBeUndefined();
    worker.answer(late!, { outcome: 'parked' });
    await pass(1);
    expect(await drained).toEqual({ handedOver: 0, parked: 2, left: 0 });
    expect(seen.events.at(-1)).toBe('close 1012');
    expect(seen.messages).toEqual([]);
  });

  it('parks a session that was handed to it and whose client left before it had said how far it got, complete', async () => {
    const { stage } = own;
    const worker = stage.worker({ onRequest: () => ({ outcome: 'parked' }) });
    const stream = worker.open(ID, { ...MOVED, cause: 'handoff' });
    stage.last.session.send('c');
    stream.detach();
    const drained = stage.backend.drain({ timeoutMs: 1000 });
    await pass(300);
    expect(worker.requests.map(({ body }) => body)).toMatchObject([
      { generation: 2, complete: true, handled: 3, received: 4, lastDown: 7, ackedDown: 4 },
    ]);
    expect(worker.requests[0]?.tail.map(({ n, data }) => [n, Buffer.from(data).toString()])).toEqual([
      [5, 'a'],
      [6, 'b'],
      [7, 'c'],
    ]);
    expect(await drained).toEqual({ handedOver: 0, parked: 1, left: 0 });
  });

  it('leaves one that came by a failover: only its client knows which numbers are taken', async () => {
    const { stage } = own;
    const worker = stage.worker({ onRequest: () => ({ outcome: 'parked' }) });
    worker.open(ID, { ...MOVED, cause: 'failover' }).detach();
    const drained = stage.backend.drain({ timeoutMs: 1000 });
    await pass(1300);
    expect(worker.requests).toEqual([]);
    expect(await drained).toEqual({ handedOver: 0, parked: 0, left: 1 });
  });

  it('says how many are left when nobody is there to take them', async () => {
    const { stage } = own;
    const worker = stage.worker();
    stage.begin(worker);
    worker.transport.lose();
    const drained = stage.backend.drain({ timeoutMs: 500 });
    await pass(1000);
    expect(await drained).toEqual({ handedOver: 0, parked: 0, left: 1 });
  });

  it('takes no new sessions, and those of lost backends neither; clients of its own may come back', async () => {
    const { stage } = own;
    const worker = stage.worker();
    const { stream } = stage.begin(worker);
    const drained = stage.backend.drain({ timeoutMs: 100 });
    expect(worker.open(OTHER).end).toMatchObject({ kind: 'close', code: 1013 });
    expect(worker.open(OTHER, { cause: 'failover', generation: 2 }).end).toMatchObject({ code: 1013 });
    stream.detach();
    const again = worker.open(ID, { cause: 'resume', generation: 2 });
    expect(again.opened).toBeDefined();
    again.askHandoff();
    again.taken();
    await pass(1);
    expect(await drained).toMatchObject({ handedOver: 1 });
  });

  it('a session whose client comes back during it goes on here until it is asked for', async () => {
    const { stage } = own;
    const worker = stage.worker();
    const { stream, seen } = stage.begin(worker);
    const busy = gate();
    stage.handle = () => busy.opened;
    stream.message('1');
    stream.message('2');
    stream.askHandoff();
    stream.detach();
    const again = worker.open(ID, { cause: 'resume', generation: 2, client: { received: 0, lowest: 1, sent: 2 } });
    expect(again.opened).toEqual({ handled: 0, received: 1 });
    again.message('2', { n: 2 });
    busy.open();
    await pass(1250);
    expect(seen.messages.map(({ data }) => data)).toEqual(['1', '2']);
    expect(again.heard.at(-1)).toMatchObject({ ack: 2 });
  });

  it('of an application that closed a session closes it', async () => {
    const { stage } = own;
    const { stream, seen } = stage.begin(stage.worker());
    stream.credit(false);
    seen.session.send('held up');
    seen.session.close(4000, 'done');
    stream.askHandoff();
    expect(stream.end).toMatchObject({ kind: 'close', code: 4000 });
  });

  it('refuses options that make no sense', () => {
    expect(() => own.stage.backend.drain({ timeoutMs: -1 })).toThrow('timeoutMs: expected a whole number');
  });
});
