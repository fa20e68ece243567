/** A session that loses its client's connection, its trunk, or its backend: who has it afterwards, and with which numbers. */
import { describe, expect, it } from 'vitest';
import { createBackend } from './backend.js';
import { FakeWorker } from './testing/fake-worker.js';
import { gate, ID, pass, Stage, useStage } from './testing/stage.js';

const own = useStage();
const entry = (n: number, text: string) => ({ n, isBinary: false, data: new Uint8Array(Buffer.from(text)) });
const counters = (handled: number, lastDown: number, ackedDown = 0) => ({
  handled,
  received: handled,
  lastDown,
  ackedDown,
});

describe('a session whose client comes back', () => {
  it('goes on where both ends stopped, over any worker', async () => {
    const { stage } = own;
    const { stream, seen } = stage.begin(stage.worker());
    stage.handle = (session, data) => session.send(`re ${String(data)}`);
    stream.message('1');
    stream.message('2');
    stream.detach();
    seen.session.send('meanwhile');
    const again = stage.worker().open(ID, {
      generation: 2,
      cause: 'resume',
      client: { received: 1, lowest: 2, sent: 3 },
    });
    expect(again.opened).toEqual({ handled: 1, received: 2 });
    expect(again.heard.slice(1).map(({ n, ack, data }) => [n, ack, data])).toEqual([
      [2, 0, 're 2'],
      [3, 2, 'meanwhile'],
    ]);
    again.message('3', { n: 3 });
    expect(seen.messages.map(({ data, redelivered }) => [data, redelivered])).toEqual([
      ['1', false],
      ['2', false],
      ['3', false],
    ]);
    expect(seen.events).toEqual(['detached 1006', 'attached']);
    expect(stage.seen.length).toBe(1);
  });

  it('takes the newer of two connections, whatever the worker knows', () => {
    const { stage } = own;
    const worker = stage.worker();
    const { stream, seen } = stage.begin(worker);
    const again = worker.open(ID, { generation: 2, cause: 'resume' });
    expect(stream.end).toMatchObject({ kind: 'detach', code: 4003 });
    expect(again.opened).toBeDefined();
    again.message('1');
    expect(seen.messages.length).toBe(1);
    expect(seen.events).toEqual(['attached']);
  });

  it.each([1, 2])('refuses generation %i when it holds 2, and says what it holds', (generation) => {
    const { stage } = own;
    const worker = stage.worker();
    worker.open(ID, { generation: 2 });
    const late = worker.open(ID, { generation, cause: 'resume' });
    expect(late.end).toMatchObject({ kind: 'close', code: 4409, reason: 'fenced:2' });
    expect(stage.seen.length).toBe(1);
  });

  it('is unknown here when another backend has it', () => {
    const { stage } = own;
    const late = stage.worker().open(ID, { generation: 2, cause: 'resume' });
    expect(late.end).toMatchObject({ kind: 'close', code: 4404 });
  });

  it.each([
    ['has received', { received: 1, lowest: 1, sent: 0 }],
    ['was told to forget', { received: 0, lowest: 2, sent: 1 }],
  ])('is unknown here when its client %s more than this backend knows of', (_what, client) => {
    const { stage } = own;
    const worker = stage.worker();
    const { seen } = stage.begin(worker);
    const again = worker.open(ID, { generation: 5, cause: 'resume', client });
    expect(again.end).toMatchObject({ kind: 'close', code: 4404 });
    expect(seen.events.at(-1)).toBe('close 4003');
  });

  it('hears again of what is handled, behind the answer that was lost on the way', async () => {
    const { stage } = own;
    const { stream } = stage.begin(stage.worker());
    stage.handle = (session, data) => session.send(`re ${String(data)}`);
    stream.message('1');
    stream.detach();
    const again = stage.worker().open(ID, { generation: 2, cause: 'resume', client: undefined });
    expect(again.opened).toEqual({ handled: 0, received: 1 });
    again.resync({ received: 0, lowest: 1, sent: 1 });
    expect(again.heard.slice(1)).toMatchObject([{ n: 1, ack: 1, data: 're 1' }]);
    again.detach();
    const third = stage.worker().open(ID, { generation: 3, cause: 'resume', client: undefined });
    third.resync({ received: 1, lowest: 1, sent: 1 });
    expect(third.heard.slice(1)).toMatchObject([{ ack: 1 }]);
    expect(third.messages).toEqual([]);
  });

  it('gets nothing before it has said how far it got', async () => {
    const { stage } = own;
    const { stream, seen } = stage.begin(stage.worker());
    seen.session.send('1');
    await pass(1);
    stream.detach();
    const again = stage.worker().open(ID, { generation: 2, cause: 'resume', client: undefined });
    seen.session.send('2');
    again.message('too early');
    await pass(2000);
    expect(again.heard.map(({ kind }) => kind)).toEqual(['opened']);
    again.resync({ received: 0, lowest: 1, sent: 0 });
    expect(again.messages).toEqual(['1', '2']);
    expect(seen.messages).toEqual([]);
  });

  it('finds the message in hand where it was', async () => {
    const { stage } = own;
    const { stream, seen } = stage.begin(stage.worker());
    const busy = gate();
    stage.handle = () => busy.opened;
    stream.message('1');
    stream.message('2');
    stream.detach();
    const again = stage.worker().open(ID, {
      generation: 2,
      cause: 'resume',
      client: { received: 0, lowest: 1, sent: 2 },
    });
    expect(again.opened).toEqual({ handled: 0, received: 2 });
    busy.open();
    await pass(1250);
    expect(seen.messages.length).toBe(2);
    expect(again.heard.at(-1)).toMatchObject({ ack: 2 });
  });

  it('is over when its window is', async () => {
    const { stage } = own;
    const { stream, seen } = stage.begin(stage.worker());
    stream.detach();
    await pass(119_000);
    expect(seen.session.isClosed).toBe(false);
    await pass(3000);
    expect(seen.events).toEqual(['detached 1006', 'close 1001']);
    expect([...stage.backend.sessions]).toEqual([]);
  });

  it('all of a lost trunk wait', () => {
    const { stage } = own;
    const worker = stage.worker();
    worker.open(ID);
    worker.open('B'.repeat(22));
    worker.transport.lose();
    expect(stage.seen.map(({ events }) => events)).toEqual([['detached 1006'], ['detached 1006']]);
  });
});

describe('a session whose backend died', () => {
  it('begins anew: what may have been handled is flagged, numbers go on where the client is', async () => {
    const { stage } = own;
    const stream = stage.worker().open(ID, { generation: 2, cause: 'failover', client: undefined });
    expect(stream.opened).toEqual({ handled: 0, received: 0 });
    stage.last.session.send('new here');
    await pass(1);
    expect(stream.messages).toEqual([]);
    stream.resync({ received: 7, lowest: 4, sent: 5 });
    expect(stream.heard.at(-1)).toMatchObject({ n: 8, data: 'new here' });
    for (const n of [4, 5, 6]) stream.message(`u${n}`, { n });
    expect(stage.last.cause).toBe('failover');
    expect(stage.last.messages).toEqual([
      { data: 'u4', id: `${ID}.4`, redelivered: true },
      { data: 'u5', id: `${ID}.5`, redelivered: true },
      { data: 'u6', id: `${ID}.6`, redelivered: false },
    ]);
  });

  it('has the state of the checkpoint, and nothing before it again', () => {
    const { stage } = own;
    const stream = stage.worker().open(ID, {
      generation: 2,
      cause: 'failover',
      client: undefined,
      checkpoint: { handled: 3, state: 'j{"count":3}' },
    });
    expect(stage.last.session.state).toEqual({ count: 3 });
    expect(stream.opened).toEqual({ handled: 3, received: 3 });
    stream.resync({ received: 0, lowest: 2, sent: 4 });
    stream.message('u3', { n: 3 });
    stream.message('u4', { n: 4 });
    expect(stage.last.messages.map(({ data }) => data)).toEqual(['u4']);
  });

  it('sends what was parked, from where the client is', () => {
    const { stage } = own;
    const stream = stage.worker().open(ID, {
      generation: 3,
      cause: 'failover',
      client: { received: 11, lowest: 5, sent: 5 },
      counters: counters(4, 13, 10),
      tail: [entry(11, 'd11'), entry(12, 'd12'), entry(13, 'd13')],
    });
    expect(stream.opened).toEqual({ handled: 4, received: 4 });
    stage.last.session.send('d14');
    expect(stream.heard.slice(1, 3)).toMatchObject([
      { n: 12, data: 'd12' },
      { n: 13, data: 'd13' },
    ]);
  });

  it.each([
    ['in front', counters(0, 13, 10), [entry(13, 'd13')], { from: 11, to: 12 }, [[13, 'd13']]],
    ['of the whole tail', counters(0, 13, 10), [], { from: 11, to: 13 }, []],
    // A hole behind is moved in front: the client has seen none of these numbers.
    ['behind', counters(0, 13, 10), [entry(11, 'd11')], { from: 11, to: 12 }, [[13, 'd11']]],
  ])('says which messages are lost: a hole %s', (_where, given, tail, lost, sent) => {
    const { stage } = own;
    const stream = stage.worker().open(ID, {
      generation: 3,
      cause: 'failover',
      client: { received: 10, lowest: 1, sent: 0 },
      counters: given,
      tail,
    });
    expect(stream.opened).toEqual({ handled: 0, received: 0, lost });
    expect(stream.heard.slice(1).map(({ n, data }) => [n, data])).toEqual(sent);
  });

  it('a loss that shows only at the resync is told over a new connection', async () => {
    const { stage } = own;
    const worker = stage.worker();
    const stream = worker.open(ID, {
      generation: 3,
      cause: 'failover',
      client: undefined,
      counters: counters(0, 13, 10),
      tail: [entry(13, 'd13')],
    });
    stream.resync({ received: 10, lowest: 1, sent: 0 });
    expect(stream.end).toMatchObject({ kind: 'detach', code: 4010 });
    const client = { received: 10, lowest: 1, sent: 0 };
    const again = worker.open(ID, { generation: 4, cause: 'resume', client });
    expect(again.opened).toEqual({ handled: 0, received: 0, lost: { from: 11, to: 12 } });
    expect(again.messages).toEqual(['d13']);
  });

  it('that comes back to the backend which had it last goes on as if it had never gone', () => {
    const { stage } = own;
    const { stream, seen } = stage.begin(stage.worker());
    stream.message('1');
    stream.detach();
    const again = stage.worker().open(ID, { generation: 2, cause: 'failover', client: undefined });
    again.resync({ received: 0, lowest: 1, sent: 2 });
    again.message('1', { n: 1 });
    again.message('2');
    expect(seen.messages.map(({ data, redelivered }) => [data, redelivered])).toEqual([
      ['1', false],
      ['2', false],
    ]);
  });

  it('that comes back to one which had it long ago begins anew there', () => {
    const { stage } = own;
    const { stream, seen } = stage.begin(stage.worker());
    const again = stage.worker().open(ID, { generation: 3, cause: 'failover' });
    expect(stream.end).toMatchObject({ kind: 'detach', code: 4003 });
    expect(seen.events.at(-1)).toBe('close 4003');
    expect(stage.last).not.toBe(seen);
    again.message('1');
    expect(stage.last.messages.length).toBe(1);
    expect([...stage.backend.sessions]).toEqual([stage.last.session]);
  });
});

describe('a session that was handed over', () => {
  it('has its state, its counters and its tail; nothing is delivered again', () => {
    const { stage } = own;
    const stream = stage.worker().open(ID, {
      generation: 2,
      cause: 'handoff',
      client: undefined,
      counters: counters(4, 12, 10),
      state: 'sas it was',
      tail: [entry(11, 'd11'), { n: 12, isBinary: true, data: new Uint8Array([1]) }],
    });
    expect(stage.last).toMatchObject({ cause: 'handoff', session: { state: 'as it was' } });
    expect(stream.opened).toEqual({ handled: 0, received: 4 });
    stage.last.session.send('d13');
    stream.resync({ received: 11, lowest: 4, sent: 6 });
    expect(stream.heard.slice(1).map(({ n, ack, data }) => [n, ack, data])).toEqual([
      [12, 0, new Uint8Array([1])],
      [13, 4, 'd13'],
    ]);
    stream.message('u5', { n: 5 });
    expect(stage.last.messages).toEqual([{ data: 'u5', id: `${ID}.5`, redelivered: false }]);
  });

  it('and whose next backend dies before the client has the answers: the client still keeps what they answer', () => {
    const { stage } = own;
    const handedOver = { cause: 'handoff', client: undefined, counters: counters(9, 75, 74) } as const;
    const stream = stage.worker().open(ID, { ...handedOver, generation: 2, tail: [entry(75, 're 9')] });
    const toldBeforeTheAnswer = Number(stream.opened?.['handled']);
    stream.detach();
    const next = new Stage();
    const again = next.worker().open(ID, { generation: 3, cause: 'failover', client: undefined });
    again.resync({ received: 74, lowest: Math.max(9, toldBeforeTheAnswer + 1), sent: 9 });
    again.message('9', { n: 9 });
    expect(next.last.messages).toEqual([{ data: '9', id: `${ID}.9`, redelivered: true }]);
  });

  it('tells of what is handled as soon as the client turns out to have the answers', () => {
    const { stage } = own;
    const stream = stage.worker().open(ID, {
      generation: 2,
      cause: 'handoff',
      client: undefined,
      counters: counters(9, 75, 74),
      tail: [entry(75, 're 9')],
    });
    stream.resync({ received: 75, lowest: 9, sent: 9 });
    expect(stream.heard.slice(1)).toMatchObject([{ ack: 9 }]);
    expect(stream.messages).toEqual([]);
  });

  it('tells of what is handled at once when no answer waits, and once', async () => {
    const { stage } = own;
    const handedOver = { cause: 'handoff', client: undefined, counters: counters(9, 75, 75) } as const;
    const stream = stage.worker().open(ID, { ...handedOver, generation: 2 });
    expect(stream.opened).toEqual({ handled: 9, received: 9 });
    stream.resync({ received: 75, lowest: 10, sent: 9 });
    await pass(2000);
    expect(stream.heard.map(({ kind }) => kind)).toEqual(['opened']);
  });

  it('takes no more than fits, the tail included, before it knows its client', () => {
    const { stage } = own;
    const tail = Array.from({ length: 1000 }, (_, i) => entry(i + 1, 'x'));
    stage.worker().open(ID, { generation: 2, cause: 'handoff', client: undefined, counters: counters(0, 1000), tail });
    let taken = 0;
    while (stage.last.session.send('x')) taken += 1;
    expect(taken).toBe(24);
  });

  it('plain: what was not sent goes on', () => {
    const { stage } = own;
    const stream = stage.worker().open(ID, {
      plain: true,
      generation: 2,
      cause: 'handoff',
      counters: counters(3, 5, 4),
      tail: [entry(5, 'unsent')],
    });
    expect(stream.messages).toEqual(['unsent']);
    stream.text('hi');
    expect(stage.last.messages).toMatchObject([{ data: 'hi', redelivered: false }]);
  });
});

describe('what an application of two backends sees', () => {
  it('is one session, handed from the one to the other with nothing lost and nothing twice', async () => {
    const { stage } = own;
    const next = createBackend({ secret: 'secret', signals: false });
    const arrived: unknown[] = [];
    next.on('session', (session) => {
      session.on('message', (data) => {
        arrived.push([data, session.state]);
        session.send(`next ${String(data)}`);
      });
    });
    const { stream, seen } = stage.begin(stage.worker());
    seen.session.state = { room: 'blue' };
    stage.handle = (session, data) => session.send(`first ${String(data)}`);
    stream.message('1');
    stream.message('2', { ack: 1 });
    stream.askHandoff();
    const { body = {}, tail = [] } = stream.heard.at(-1) ?? {};
    expect(body).toMatchObject({ handled: 2, received: 2, lastDown: 2, ackedDown: 1 });
    const worker = FakeWorker.connect(next);
    await pass(1);
    const there = worker.open(ID, {
      generation: 2,
      cause: 'handoff',
      client: undefined,
      counters: body as never,
      state: body['state'] as string,
      tail,
    });
    there.resync({ received: 1, lowest: 3, sent: 3 });
    there.message('3', { n: 3 });
    expect(arrived).toEqual([['3', { room: 'blue' }]]);
    expect(there.messages).toEqual(['first 2', 'next 3']);
    expect(seen.events).toEqual(['close 1012']);
    await next.close();
  });
});
