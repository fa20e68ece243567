/** A session whose client is there: messages both ways, in order, acknowledged. */
import { describe, expect, it } from 'vitest';
import { createBackend } from './backend.js';
import { BackendError } from './errors.js';
import { FakeWorker } from './testing/fake-worker.js';
import { gate, ID, pass, Stage, useStage } from './testing/stage.js';

const own = useStage();

describe('a new session', () => {
  it('tells the application who the client is, and answers the worker', () => {
    const { stage } = own;
    const worker = stage.worker();
    const stream = worker.open(ID, {
      path: '/chat',
      query: 'room=1',
      headers: { host: 'example.com' },
      address: '127.0.0.9',
      principal: 'ann',
      claims: { admin: true },
    });
    expect(stream.opened).toEqual({ handled: 0, received: 0 });
    const { session, cause } = stage.last;
    expect(cause).toBe('connect');
    expect(session).toMatchObject({
      id: ID,
      principal: 'ann',
      claims: { admin: true },
      isPlain: false,
      isAttached: true,
    });
    expect(session.request).toEqual({
      path: '/chat',
      query: 'room=1',
      headers: { host: 'example.com' },
      address: '127.0.0.9',
    });
    expect([...stage.backend.sessions]).toEqual([session]);
  });

  it('is closed with 1011 when its listener throws, and the application hears of it', () => {
    const { stage } = own;
    stage.backend.on('session', () => {
      throw new Error('no database');
    });
    const stream = stage.worker().open(ID);
    expect(stream.end).toMatchObject({ kind: 'close', code: 1011 });
    expect(stage.errors.map(({ code }) => code)).toEqual(['BACKEND_LISTENER_FAILED']);
    expect([...stage.backend.sessions]).toEqual([]);
  });

  it('is sent to another backend when there are as many as the capacity', () => {
    const stage = new Stage({ capacity: 1 });
    const worker = stage.worker();
    worker.open(ID);
    expect(worker.open('B'.repeat(22)).end).toMatchObject({ kind: 'close', code: 1013 });
    expect(worker.open('C'.repeat(22), { cause: 'failover' }).opened).toBeDefined();
  });
});

describe('messages', () => {
  it('come in order and are answered in the batch that acknowledges them', () => {
    const { stage } = own;
    const worker = stage.worker();
    const { stream, seen } = stage.begin(worker);
    stage.handle = (session, data) => {
      session.send(`1 ${String(data)}`);
      session.send(`2 ${String(data)}`);
    };
    stream.gather('a');
    stream.gather('b');
    worker.flush();
    expect(seen.messages.map(({ data, id }) => [data, id])).toEqual([
      ['a', `${ID}.1`],
      ['b', `${ID}.2`],
    ]);
    const answers = stream.heard.slice(1);
    expect(answers.map(({ n, ack, data }) => [n, ack, data])).toEqual([
      [1, 0, '1 a'],
      [2, 0, '2 a'],
      [3, 0, '1 b'],
      [4, 2, '2 b'],
    ]);
    expect(new Set(answers.map(({ batch }) => batch)).size).toBe(1);
  });

  it('keep their text and their bytes', () => {
    const { stage } = own;
    const { stream, seen } = stage.begin(stage.worker());
    stage.handle = (session, data) => session.send(data);
    const texts = ['', 'grüße 👋', 'x'.repeat(70_000)];
    const bytes = [new Uint8Array(), new Uint8Array([0, 255, 1])];
    for (const data of [...texts, ...bytes]) stream.message(data);
    expect(seen.messages.map(({ data }) => data)).toEqual([...texts, ...bytes]);
    expect(stream.messages).toEqual([...texts, ...bytes]);
  });

  it('are copied: bytes that the application changes later leave as they were', async () => {
    const { stage } = own;
    const { stream, seen } = stage.begin(stage.worker());
    const bytes = Buffer.from([1, 2, 3]);
    seen.session.send(bytes);
    bytes.fill(9);
    seen.session.send(new Uint16Array([0x0201]));
    seen.session.send(new Uint8Array([7]).buffer);
    await pass(1);
    expect(stream.messages).toEqual([new Uint8Array([1, 2, 3]), new Uint8Array([1, 2]), new Uint8Array([7])]);
  });

  it('leave at the end of the turn when nothing came that they answer', async () => {
    const { stage } = own;
    const worker = stage.worker();
    const { stream, seen } = stage.begin(worker);
    const other = worker.open('B'.repeat(22));
    seen.session.send('one');
    stage.last.session.send('two');
    seen.session.send('three');
    expect(stream.messages).toEqual([]);
    await pass(1);
    expect(stream.messages).toEqual(['one', 'three']);
    expect(new Set([...stream.heard.slice(1), ...other.heard.slice(1)].map(({ batch }) => batch)).size).toBe(1);
  });

  it('wait for the handler of the one before', async () => {
    const { stage } = own;
    const { stream, seen } = stage.begin(stage.worker());
    const gates = [gate(), gate()];
    stage.handle = (session, data) => gates[Number(data)]?.opened.then(() => session.send(`done ${String(data)}`));
    stream.message('0');
    stream.message('1');
    await pass(1);
    expect(seen.messages.length).toBe(1);
    gates[0]?.open();
    await pass(1);
    expect(seen.messages.length).toBe(2);
    expect(stream.heard.at(-1)).toMatchObject({ data: 'done 0', n: 1, ack: 1 });
  });

  it('wait for a handler when there is none yet', async () => {
    const backend = createBackend({ secret: 'secret', signals: false });
    const arrived: unknown[] = [];
    backend.on('session', async (session) => {
      await Promise.resolve();
      session.on('message', (data) => void arrived.push(data));
    });
    const worker = FakeWorker.connect(backend);
    await pass(1);
    worker.open(ID).message('early');
    await pass(1);
    expect(arrived).toEqual(['early']);
    await backend.close();
  });

  it('go to every handler, and to one that was added for once only once', () => {
    const { stage } = own;
    const { stream, seen } = stage.begin(stage.worker());
    const calls: string[] = [];
    const removed = (): void => void calls.push('removed');
    seen.session.on('message', () => void calls.push('on'));
    seen.session.once('message', () => void calls.push('once'));
    seen.session.on('message', removed).off('message', removed);
    stream.message('1');
    stream.message('2');
    expect(calls).toEqual(['on', 'once', 'on']);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('bad');
      },
    ],
    ['rejects', () => Promise.reject(new Error('bad'))],
  ])('count as handled when the handler %s, and the application hears of it', async (_how, handle) => {
    const { stage } = own;
    const { stream, seen } = stage.begin(stage.worker());
    stage.handle = handle;
    stream.message('1');
    await pass(1);
    stage.handle = () => undefined;
    stream.message('2');
    expect(seen.messages.length).toBe(2);
    const [error] = stage.errors;
    expect(error).toBeInstanceOf(BackendError);
    expect(error).toMatchObject({ code: 'BACKEND_HANDLER_FAILED', sessionId: ID, messageId: `${ID}.1` });
    expect(error?.cause).toMatchObject({ message: 'bad' });
    await pass(1000);
    expect(stream.heard.at(-1)).toMatchObject({ ack: 2 });
  });

  it('are refused when they are larger than this backend or a worker takes', () => {
    const { stage } = own;
    const { seen } = stage.begin(stage.worker({ maxMessageBytes: 10 }));
    expect(seen.session.send('x'.repeat(10))).toBe(true);
    expect(() => seen.session.send('x'.repeat(11))).toThrow('expected at most 10 bytes, got 11');
    expect(() => seen.session.send({} as unknown as string)).toThrow('expected a string');
  });
});

describe('acknowledgements', () => {
  it('go alone within a second when there is nothing to ride on', async () => {
    const { stage } = own;
    const { stream } = stage.begin(stage.worker());
    stream.message('1');
    stream.message('2');
    expect(stream.heard.length).toBe(1);
    await pass(1250);
    expect(stream.heard.slice(1)).toMatchObject([{ kind: 'text', ack: 2 }]);
    await pass(5000);
    expect(stream.heard.length).toBe(2);
  });

  it('go at once after 32 messages', () => {
    const { stage } = own;
    const { stream } = stage.begin(stage.worker());
    for (let i = 0; i < 31; i += 1) stream.message('x');
    expect(stream.heard.length).toBe(1);
    stream.message('x');
    expect(stream.heard.at(-1)).toMatchObject({ ack: 32 });
  });

  it('go at once after 64 KiB', () => {
    const { stage } = own;
    const { stream } = stage.begin(stage.worker());
    stream.message('x'.repeat(64 * 1024));
    expect(stream.heard.at(-1)).toMatchObject({ ack: 1 });
  });

  it('tell of what is handled, not of what has arrived', async () => {
    const { stage } = own;
    const { stream } = stage.begin(stage.worker());
    const busy = gate();
    stage.handle = () => busy.opened;
    stream.message('1');
    stream.message('2');
    await pass(3000);
    expect(stream.heard.length).toBe(1);
    busy.open();
    await pass(1250);
    expect(stream.heard.at(-1)).toMatchObject({ ack: 2 });
  });

  it('are repeated for a message that comes again, which is not handled again', async () => {
    const { stage } = own;
    const { stream, seen } = stage.begin(stage.worker());
    stream.message('1');
    await pass(1250);
    stream.message('1', { n: 1 });
    expect(stream.heard.at(-1)).toMatchObject({ ack: 1 });
    expect(stream.heard.length).toBe(3);
    expect(seen.messages.length).toBe(1);
  });

  it('free the memory of what they acknowledge', () => {
    const { stage } = own;
    const { stream, seen } = stage.begin(stage.worker());
    stage.handle = (session) => session.send('12345');
    stream.message('1');
    expect(seen.session.bufferedBytes).toBe(5);
    stream.ack(1);
    expect(seen.session.bufferedBytes).toBe(0);
  });
});

describe('a client that breaks the protocol', () => {
  it.each([
    ['leaves out a number', 'm2.0:x', 4010],
    ['acknowledges what was never sent', 'a7', 4400],
    ['sends no frame', 'hello', 4400],
  ])('that %s loses its connection, and nobody else does', (_what, frame, code) => {
    const { stage } = own;
    const worker = stage.worker();
    const { stream, seen } = stage.begin(worker);
    const other = worker.open('B'.repeat(22));
    stream.text(frame);
    expect(stream.end).toMatchObject({ kind: 'detach', code });
    expect(seen.events).toEqual([`detached ${code}`]);
    other.message('fine');
    expect(stage.last.messages.length).toBe(1);
    expect(worker.transport.end).toBeUndefined();
  });
});
