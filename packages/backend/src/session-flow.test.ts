/** What happens when one end of a session is slower than the other. */
import { CLIENT_QUEUE, DOWN_TAIL } from '@holdfast/protocol';
import { describe, expect, it } from 'vitest';
import { gate, pass, useStage } from './testing/stage.js';

const own = useStage();

describe('a client that does not read', () => {
  it('send answers false at the bound, and writable follows when half of it is free', async () => {
    const { stage } = own;
    const { stream, seen } = stage.begin(stage.worker());
    let taken = 0;
    while (seen.session.send('x')) taken += 1;
    expect(taken).toBe(DOWN_TAIL.messages);
    await pass(1);
    stream.ack(taken / 2 - 1);
    expect(seen.events).toEqual([]);
    expect(seen.session.send('x')).toBe(true);
    stream.ack(taken / 2 + 1);
    expect(seen.events).toEqual(['writable']);
  });

  it('is disconnected with 4008 after 10 s at the bound, and may come back', async () => {
    const { stage } = own;
    const { stream, seen } = stage.begin(stage.worker());
    while (seen.session.send('x'.repeat(1024)));
    await pass(9000);
    stream.ack(1);
    expect(seen.session.send('x'.repeat(1024))).toBe(true);
    await pass(9500);
    expect(seen.session.isAttached).toBe(true);
    await pass(1000);
    expect(stream.end).toMatchObject({ kind: 'detach', code: 4008 });
    // What is kept for a client that is away has another bound.
    expect(seen.events).toEqual(['detached 4008', 'writable']);
  });

  it('gets nothing while the worker has no credit for it, not even an acknowledgement', async () => {
    const { stage } = own;
    const { stream } = stage.begin(stage.worker());
    stage.handle = (session) => session.send('answer');
    stream.credit(false);
    stream.message('1');
    await pass(2000);
    expect(stream.heard.length).toBe(1);
    stream.credit(true);
    expect(stream.heard.at(-1)).toMatchObject({ n: 1, ack: 1, data: 'answer' });
  });

  it('that acknowledges what was never sent to it loses its connection', () => {
    const { stage } = own;
    const { stream, seen } = stage.begin(stage.worker());
    stream.credit(false);
    seen.session.send('held back');
    stream.ack(1);
    expect(stream.end).toMatchObject({ kind: 'detach', code: 4400 });
    expect(seen.session.bufferedBytes).toBe(9);
  });

  it('waits when its worker is behind with everything, and goes on when that has caught up', async () => {
    const { stage } = own;
    const worker = stage.worker();
    const { stream, seen } = stage.begin(worker);
    worker.transport.bufferedBytes = 100 * 1024 * 1024;
    seen.session.send('later');
    await pass(1000);
    expect(stream.messages).toEqual([]);
    worker.transport.bufferedBytes = 0;
    worker.transport.onWritable?.();
    await pass(1);
    expect(stream.messages).toEqual(['later']);
  });
});

describe('handlers that are slower than the client', () => {
  it('the worker is told to stop above the bound and to go on below half of it', async () => {
    const { stage } = own;
    const worker = stage.worker();
    const { stream, seen } = stage.begin(worker);
    const gates = Array.from({ length: CLIENT_QUEUE.messages + 1 }, gate);
    stage.handle = (_session, data) => gates[Number(data)]?.opened;
    for (let i = 0; i <= CLIENT_QUEUE.messages; i += 1) stream.gather(String(i));
    worker.flush();
    expect(worker.of('credit')).toMatchObject([{ code: 0 }]);
    for (const { open } of gates.slice(0, CLIENT_QUEUE.messages / 2)) open();
    await pass(1);
    expect(worker.of('credit').length).toBe(1);
    for (const { open } of gates) open();
    await pass(1);
    expect(worker.of('credit')).toMatchObject([{ code: 0 }, { code: 1 }]);
    expect(seen.messages.length).toBe(CLIENT_QUEUE.messages + 1);
  });

  it('a client that goes on all the same is disconnected', () => {
    const { stage } = own;
    const worker = stage.worker();
    const { stream } = stage.begin(worker);
    stage.handle = () => gate().opened;
    for (let i = 0; i <= 2 * CLIENT_QUEUE.messages + 1; i += 1) stream.gather('x');
    worker.flush();
    expect(stream.heard.find(({ kind }) => kind === 'detach')).toMatchObject({ code: 4400 });
  });
});
