/** Sessions of plain clients, and the ends of all. */
import { DOWN_TAIL } from '@holdfast/protocol';
import { describe, expect, it } from 'vitest';
import { ID, pass, useStage } from './testing/stage.js';

const own = useStage();

describe('a plain client', () => {
  it('has its bare messages both ways, without numbers', () => {
    const { stage } = own;
    const stream = stage.worker().open(ID, { plain: true });
    stage.handle = (session, data) => session.send(`got ${String(data)}`);
    stream.text('m1.0:looks like a frame');
    expect(stage.last.messages).toMatchObject([{ data: 'm1.0:looks like a frame', redelivered: false }]);
    expect(stream.heard.at(-1)?.data).toBe('got m1.0:looks like a frame');
    expect(stage.last.session.bufferedBytes).toBe(0);
  });

  it('is over when its connection is', () => {
    const { stage } = own;
    const stream = stage.worker().open(ID, { plain: true });
    stream.detach();
    expect(stage.last.events).toEqual(['close 1006']);
    expect(stage.last.session.isClosed).toBe(true);
  });

  it('send answers false at the bound while the worker has no credit, and writable follows', () => {
    const { stage } = own;
    const stream = stage.worker().open(ID, { plain: true });
    stream.credit(false);
    const { session, events } = stage.last;
    let taken = 0;
    while (session.send('x')) taken += 1;
    expect(taken).toBe(DOWN_TAIL.messages);
    stream.credit(true);
    expect(stream.heard.length).toBe(1 + taken);
    expect(events).toEqual(['writable']);
  });

  it('waits for its worker when the trunk is lost, and goes on when that is back', async () => {
    const { stage } = own;
    const worker = stage.worker();
    worker.open(ID, { plain: true });
    const { session, events } = stage.last;
    worker.transport.lose();
    session.send('meanwhile');
    const again = stage.worker().open(ID, { plain: true, cause: 'resume', generation: 2 });
    expect(again.heard.map(({ kind, data }) => [kind, data])).toEqual([
      ['opened', undefined],
      ['text', 'meanwhile'],
    ]);
    expect(events).toEqual(['detached 1006', 'attached']);
    again.detach();
    await pass(1);
    expect(events.at(-1)).toBe('close 1006');
  });

  it('is forgotten when its worker does not come back', async () => {
    const { stage } = own;
    const worker = stage.worker();
    worker.open(ID, { plain: true });
    worker.transport.lose();
    await pass(7000);
    expect(stage.last.events).toEqual(['detached 1006', 'close 1001']);
    expect(worker.requests).toEqual([]);
  });
});

describe('closing', () => {
  it('says the last word after everything that was sent before', async () => {
    const { stage } = own;
    const { stream, seen } = stage.begin(stage.worker());
    seen.session.send('bye');
    seen.session.close(4000, 'done');
    expect(seen.session.send('too late')).toBe(false);
    expect(seen.events).toEqual(['close 4000']);
    await pass(1);
    expect(stream.heard.slice(1)).toMatchObject([{ data: 'bye' }, { kind: 'close', code: 4000, reason: 'done' }]);
    expect([...stage.backend.sessions]).toEqual([]);
  });

  it('by the client ends the session', async () => {
    const { stage } = own;
    const { stream, seen } = stage.begin(stage.worker());
    const closed = new Promise((resolve) => seen.session.once('close', resolve));
    stream.close(1000, 'bye');
    expect(await closed).toEqual({ code: 1000, reason: 'bye' });
    expect(seen.session.isClosed).toBe(true);
    expect([...stage.backend.sessions]).toEqual([]);
  });

  it('of a session whose client is away reaches the client when it comes back', async () => {
    const { stage } = own;
    const worker = stage.worker();
    const { stream, seen } = stage.begin(worker);
    stream.detach();
    seen.session.send('bye');
    seen.session.close();
    const again = worker.open(ID, { generation: 2, cause: 'resume' });
    await pass(1);
    expect(again.heard).toMatchObject([{ kind: 'opened' }, { data: 'bye' }, { kind: 'close', code: 1000 }]);
    expect(seen.events).toEqual(['detached 1006', 'close 1000']);
  });

  it('with a code that must not be on the wire is refused', () => {
    const { stage } = own;
    const { seen } = stage.begin(stage.worker());
    expect(() => seen.session.close(1006)).toThrow('got 1006');
  });

  it('of the backend ends every session', async () => {
    const { stage } = own;
    const worker = stage.worker();
    const { seen } = stage.begin(worker);
    await stage.backend.close();
    expect(seen.events).toEqual(['detached 1001', 'close 1001']);
    expect(worker.transport.end).toMatchObject({ code: 1001 });
  });
});
