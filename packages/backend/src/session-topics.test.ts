/** Joins of a session: what its worker is told, and what the next one is. */
import { describe, expect, it } from 'vitest';
import type { FakeStream } from './testing/fake-worker.js';
import { ID, pass, useStage } from './testing/stage.js';

const own = useStage();

/** What was said about topics on a stream. */
function told({ heard }: FakeStream): readonly unknown[] {
  return heard.filter(({ kind }) => kind.endsWith('subscribe')).map(({ kind, body }) => [kind, body]);
}

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `topic ${i}`);

describe('join', () => {
  it('tells the worker, with what presence says of the client', async () => {
    const { stage } = own;
    const { stream, seen } = stage.begin(stage.worker());
    expect(seen.session.join('room:1', { info: { name: 'Zoë' } })).toBe(true);
    expect(seen.session.join('room:2')).toBe(true);
    await pass(1);
    expect(told(stream)).toEqual([
      ['subscribe', { topic: 'room:1', info: { name: 'Zoë' } }],
      ['subscribe', { topic: 'room:2' }],
    ]);
    expect(seen.session.topics).toEqual(['room:1', 'room:2']);
  });

  it('in the listener of a new session comes behind the answer to its opening', async () => {
    const { stage } = own;
    stage.backend.on('session', (session) => session.join('room'));
    const { stream } = stage.begin(stage.worker());
    await pass(1);
    expect(stream.heard.map(({ kind }) => kind)).toEqual(['opened', 'subscribe']);
  });

  it('is repeated to the worker that the client comes back to, right behind the answer to its opening', async () => {
    const { stage } = own;
    const { seen } = stage.begin(stage.worker({ name: '1'.repeat(16) }));
    seen.session.join('a', { info: { n: 1 } });
    seen.session.join('b');
    const info = { n: 2, self: undefined as unknown };
    seen.session.join('a', { info });
    info.n = 3;
    info.self = info;
    seen.session.leave('b');
    const stream = stage.worker({ name: '2'.repeat(16) }).open(ID, { generation: 2, cause: 'resume' });
    seen.session.send('later');
    await pass(1);
    expect(stream.heard.map(({ kind }) => kind)).toEqual(['opened', 'subscribe', 'text']);
    expect(told(stream)).toEqual([['subscribe', { topic: 'a', info: { n: 2 } }]]);
  });

  it('of a session whose client is away waits for it', async () => {
    const { stage } = own;
    const worker = stage.worker();
    const { stream, seen } = stage.begin(worker);
    stream.detach();
    expect(seen.session.join('room')).toBe(true);
    await pass(1);
    expect(told(stream)).toEqual([]);
    const next = worker.open(ID, { generation: 2, cause: 'resume' });
    await pass(1);
    expect(told(next)).toEqual([['subscribe', { topic: 'room' }]]);
  });

  it('out of a listener that hears of the reattached session is not told before the opening is answered', async () => {
    const { stage } = own;
    const worker = stage.worker();
    const { stream, seen } = stage.begin(worker);
    while (seen.session.send('x'.repeat(1000)));
    seen.session.on('writable', () => seen.session.join('room'));
    stream.detach();
    const next = worker.open(ID, { generation: 2, cause: 'resume', client: { received: 200, lowest: 1, sent: 0 } });
    await pass(1);
    expect(next.heard.map(({ kind }) => kind).slice(0, 2)).toEqual(['opened', 'subscribe']);
  });

  it('is refused above a hundred topics, and not for one that is joined', async () => {
    const { stage } = own;
    const { stream, seen } = stage.begin(stage.worker());
    for (const name of names(100)) expect(seen.session.join(name)).toBe(true);
    expect(seen.session.join('one more')).toBe(false);
    expect(seen.session.join('topic 7', { info: {} })).toBe(true);
    seen.session.leave('topic 8');
    expect(seen.session.join('one more')).toBe(true);
    await pass(1);
    expect(told(stream)).toHaveLength(103);
    expect(seen.session.topics).toHaveLength(100);
  });

  it('does nothing once the session is over', async () => {
    const { stage } = own;
    const { stream, seen } = stage.begin(stage.worker());
    seen.session.close();
    expect(seen.session.join('room')).toBe(false);
    seen.session.leave('room');
    await pass(1);
    expect(told(stream)).toEqual([]);
  });

  it.each(['', 'x'.repeat(201), 'a\n', '\ud800', 7 as unknown as string])('refuses the topic %j', (topic) => {
    const { seen } = own.stage.begin(own.stage.worker());
    const bad = expect.objectContaining({ code: 'BACKEND_BAD_TOPIC', retryable: false });
    expect(() => seen.session.join(topic)).toThrow(bad);
    expect(() => seen.session.leave(topic)).toThrow(bad);
    expect(seen.session.topics).toEqual([]);
  });

  const cyclic: Record<string, unknown> = {};
  cyclic['self'] = cyclic;
  it.each<[string, unknown]>([
    ['a string', 'name'],
    ['a list', []],
    ['null', null],
    ['more than a kibibyte', { name: 'x'.repeat(1024) }],
    ['what JSON cannot say', cyclic],
    ['what JSON makes something else of', { toJSON: () => 'text' }],
  ])('refuses %s as info', (_, info) => {
    const { seen } = own.stage.begin(own.stage.worker());
    expect(() => seen.session.join('room', { info: info as Record<string, unknown> })).toThrow(
      expect.objectContaining({ code: 'BACKEND_BAD_TOPIC' }),
    );
  });
});

describe('leave', () => {
  it('tells the worker of a topic that was never joined here: the client may have asked for it', async () => {
    const { stage } = own;
    const { stream, seen } = stage.begin(stage.worker());
    seen.session.leave('room');
    await pass(1);
    expect(told(stream)).toEqual([['unsubscribe', { topic: 'room' }]]);
  });

  it('while no worker can be told is told to the next one, once', async () => {
    const { stage } = own;
    const worker = stage.worker();
    const { stream, seen } = stage.begin(worker);
    seen.session.join('a');
    seen.session.join('b');
    stream.detach();
    seen.session.leave('a');
    seen.session.leave('b');
    seen.session.join('b');
    const second = worker.open(ID, { generation: 2, cause: 'resume' });
    const third = worker.open(ID, { generation: 3, cause: 'resume' });
    await pass(1);
    expect(told(second)).toEqual([
      ['unsubscribe', { topic: 'a' }],
      ['subscribe', { topic: 'b' }],
    ]);
    expect(told(third)).toEqual([['subscribe', { topic: 'b' }]]);
  });

  it('remembers no more than a worker can have', async () => {
    const { stage } = own;
    const worker = stage.worker();
    const { stream, seen } = stage.begin(worker);
    stream.detach();
    for (const name of names(150)) seen.session.leave(name);
    const next = worker.open(ID, { generation: 2, cause: 'resume' });
    await pass(1);
    expect(told(next)).toHaveLength(100);
    expect(told(next)[0]).toEqual(['unsubscribe', { topic: 'topic 50' }]);
  });
});
