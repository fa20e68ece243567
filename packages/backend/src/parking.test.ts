/** What is kept in shared state of a session whose client is away. */
import { PARKED_TAIL } from '@holdfast/protocol';
import { describe, expect, it } from 'vitest';
import { ID, pass, useStage } from './testing/stage.js';
import type { FakeRequest } from './testing/fake-worker.js';

const own = useStage();
const text = ({ tail }: FakeRequest): readonly string[] => tail.map(({ data }) => Buffer.from(data).toString());

describe('parking', () => {
  it('begins within a tick with the tail, counters and state; then what changes is added', async () => {
    const { stage } = own;
    const worker = stage.worker({ onRequest: () => ({ outcome: 'parked' }) });
    const { stream, seen } = stage.begin(worker);
    stage.handle = (session, data) => session.send(`re ${String(data)}`);
    stream.message('1');
    stream.message('2', { ack: 1 });
    seen.session.state = { a: 1 };
    stream.detach();
    await pass(250);
    expect(worker.requests.map(({ body }) => body)).toMatchObject([
      {
        op: 'park',
        session: ID,
        generation: 1,
        handled: 2,
        received: 2,
        lastDown: 2,
        ackedDown: 1,
        complete: false,
        state: 'j{"a":1}',
      },
    ]);
    expect(worker.requests.map(text)).toEqual([['re 2']]);
    seen.session.send('later');
    seen.session.send('and later');
    await pass(250);
    expect(worker.requests.map(text)).toEqual([['re 2'], ['later', 'and later']]);
    await pass(60_000);
    expect(worker.requests.length).toBe(2);
    expect(worker.requests[0]?.body['windowMs']).toBe(119_750);
  });

  it('is brought up to date when the application sets another state', async () => {
    const { stage } = own;
    const worker = stage.worker({ onRequest: () => ({ outcome: 'parked' }) });
    const { stream, seen } = stage.begin(worker);
    stream.detach();
    await pass(250);
    seen.session.state = 'later';
    await pass(250);
    expect(worker.requests.map(({ body }) => body['state'])).toEqual([undefined, 'slater']);
  });

  it('goes over another trunk when its own is lost, and again after a failure', async () => {
    const { stage } = own;
    const first = stage.worker();
    const { seen } = stage.begin(first);
    const second = stage.worker({ name: 'x'.repeat(16) });
    seen.session.send('keep this');
    first.transport.lose();
    await pass(250);
    const [request] = second.requests;
    second.sayJson(0, 0x09, { ref: request?.ref, ok: false, error: 'state is away', retryable: true });
    await pass(1500);
    expect(second.requests.map(text)).toEqual([['keep this'], ['keep this']]);
  });

  it('is given up when the answer does not come in time, and tried again', async () => {
    const { stage } = own;
    const worker = stage.worker();
    stage.begin(worker).stream.detach();
    await pass(5000);
    expect(worker.requests.length).toBe(1);
    await pass(1500);
    expect(worker.requests.length).toBe(2);
  });

  it('ends the session here when somebody else has it', async () => {
    const { stage } = own;
    const worker = stage.worker({ onRequest: () => ({ outcome: 'fenced' }) });
    const { stream, seen } = stage.begin(worker);
    stream.detach();
    await pass(250);
    expect(seen.events).toEqual(['detached 1006', 'close 4409']);
  });

  it('of the past says nothing about a session that is attached again', async () => {
    const { stage } = own;
    const worker = stage.worker();
    const { stream, seen } = stage.begin(worker);
    stream.detach();
    await pass(250);
    worker.open(ID, { generation: 2, cause: 'resume' });
    const [request] = worker.requests;
    if (request !== undefined) worker.answer(request, { outcome: 'fenced' });
    await pass(1);
    expect(seen.events).toEqual(['detached 1006', 'attached']);
  });

  it('has a bound, and send says so', async () => {
    const { stage } = own;
    const worker = stage.worker({ onRequest: () => ({ outcome: 'parked' }) });
    const { stream, seen } = stage.begin(worker);
    stream.detach();
    let taken = 0;
    while (seen.session.send('x')) taken += 1;
    expect(taken).toBe(PARKED_TAIL.messages);
    await pass(250);
    expect(worker.requests[0]?.tail.length).toBe(PARKED_TAIL.messages);
  });

  it('parks what fits of a tail that was longer when the client left, and takes no more', async () => {
    const { stage } = own;
    const worker = stage.worker({ onRequest: () => ({ outcome: 'parked' }) });
    const { stream, seen } = stage.begin(worker);
    let taken = 0;
    while (seen.session.send('x')) taken += 1;
    stream.detach();
    await pass(1000);
    expect(worker.requests.map(({ tail, body }) => [tail.length, body['lastDown']])).toEqual([[1000, taken]]);
    expect(seen.session.send('x')).toBe(false);
  });

  it('parks the counters alone when shared state has no room for the tail, and takes no more', async () => {
    const { stage } = own;
    const worker = stage.worker({
      onRequest: ({ tail }) => ({ outcome: tail.length > 0 ? 'full' : 'parked' }),
    });
    const { stream, seen } = stage.begin(worker);
    stream.detach();
    seen.session.send('too much');
    await pass(1000);
    expect(worker.requests.map(({ tail, body }) => [tail.length, body['lastDown']])).toEqual([
      [1, 1],
      [0, 1],
    ]);
    expect(seen.session.send('more')).toBe(false);
    const again = worker.open(ID, { generation: 2, cause: 'resume' });
    expect(again.messages).toEqual(['too much']);
    expect(seen.session.send('more')).toBe(true);
  });

  it.each(['unknown', 'nonsense'])('is of no use when the answer is %s: the session stays here', async (outcome) => {
    const { stage } = own;
    const worker = stage.worker({ onRequest: () => ({ outcome }) });
    const { stream, seen } = stage.begin(worker);
    stream.detach();
    await pass(300);
    seen.session.send('1');
    await pass(5000);
    expect(worker.requests.length).toBe(1);
    expect(seen.session.isClosed).toBe(false);
  });

  it('goes on without a state that cannot be written down, and says so', async () => {
    const { stage } = own;
    const worker = stage.worker({ onRequest: () => ({ outcome: 'parked' }) });
    const { stream, seen } = stage.begin(worker);
    seen.session.state = () => 1;
    stream.detach();
    await pass(250);
    expect(stage.errors.map(({ code }) => code)).toEqual(['BACKEND_BAD_STATE']);
    expect(worker.requests[0]?.body['state']).toBeUndefined();
  });

  it('has 64 requests under way at most', async () => {
    const { stage } = own;
    const worker = stage.worker();
    const ids = Array.from({ length: 100 }, (_, i) => String(i).padStart(22, 'A'));
    for (const id of ids) worker.open(id);
    const other = stage.worker();
    worker.transport.lose();
    await pass(1000);
    expect(other.requests.length).toBe(64);
    for (const request of other.requests) other.answer(request, { outcome: 'parked' });
    await pass(250);
    expect(new Set(other.requests.map(({ body }) => body['session'])).size).toBe(100);
  });

  it('takes all that is kept for missing when the client of a session that was handed over left without a word', async () => {
    const { stage } = own;
    const worker = stage.worker({ onRequest: () => ({ outcome: 'parked' }) });
    const entry = (n: number, data: string) => ({ n, isBinary: false, data: new Uint8Array(Buffer.from(data)) });
    const counters = { handled: 3, received: 4, lastDown: 6, ackedDown: 4 };
    const tail = [entry(5, 'a'), entry(6, 'b')];
    worker.open(ID, { generation: 2, cause: 'handoff', client: undefined, counters, tail }).detach();
    await pass(250);
    expect(worker.requests.map(({ body }) => body)).toMatchObject([
      { complete: false, handled: 3, received: 3, lastDown: 6, ackedDown: 4 },
    ]);
    expect(worker.requests.map(text)).toEqual([['a', 'b']]);
    stage.last.session.send('c');
    const client = { received: 5, lowest: 4, sent: 4 };
    const again = worker.open(ID, { generation: 3, cause: 'resume', client });
    expect(again.opened).toEqual({ handled: 3, received: 3 });
    expect(again.heard.slice(1).map(({ n, data }) => [n, data])).toEqual([
      [6, 'b'],
      [7, 'c'],
    ]);
  });

  it('does not begin before numbers are final', async () => {
    const { stage } = own;
    const worker = stage.worker();
    const stream = worker.open(ID, { generation: 2, cause: 'failover', client: undefined });
    stage.last.session.send('x');
    stream.detach();
    await pass(1000);
    expect(worker.requests).toEqual([]);
  });
});
