/** Checkpoints. */
import { TrunkKind } from '@holdfast/protocol';
import { describe, expect, it } from 'vitest';
import { gate, ID, pass, Stage, useStage } from './testing/stage.js';

const own = useStage();
const committed = { onRequest: () => ({ outcome: 'committed' }) };

describe('commit', () => {
  it('writes state and the message in hand together', async () => {
    const { stage } = own;
    const worker = stage.worker(committed);
    const { stream, seen } = stage.begin(worker);
    const outcomes: unknown[] = [];
    stage.handle = (session, data) => void session.commit({ last: data }).then((outcome) => outcomes.push(outcome));
    stream.message('a');
    stream.message('b');
    await pass(10);
    expect(worker.requests.map(({ body }) => body)).toMatchObject([
      { op: 'commit', session: ID, generation: 1, handled: 1, state: 'j{"last":"a"}' },
      { op: 'commit', session: ID, generation: 1, handled: 2, state: 'j{"last":"b"}' },
    ]);
    expect(outcomes).toEqual(['committed', 'committed']);
    expect(seen.session.state).toEqual({ last: 'b' });
  });

  it('between messages writes what is handled, with the state that is there', async () => {
    const { stage } = own;
    const worker = stage.worker(committed);
    const { stream, seen } = stage.begin(worker);
    stream.message('a');
    seen.session.state = 'text';
    expect(await finished(seen.session.commit())).toBe('committed');
    expect(worker.requests[0]?.body).toMatchObject({ handled: 1, state: 'stext' });
  });

  it('is one at a time, so that none overtakes another', async () => {
    const { stage } = own;
    const worker = stage.worker();
    const { stream, seen } = stage.begin(worker);
    stream.message('a');
    const first = seen.session.commit(1);
    stream.message('b');
    const second = seen.session.commit(2);
    await pass(1);
    expect(worker.requests.length).toBe(1);
    worker.answer(worker.requests[0]!, { outcome: 'committed' });
    expect(await finished(first)).toBe('committed');
    await pass(1);
    expect(worker.requests.at(-1)?.body).toMatchObject({ handled: 2, state: 'j2' });
    worker.answer(worker.requests[1]!, { outcome: 'committed' });
    expect(await finished(second)).toBe('committed');
  });

  it('ends the session here when another backend has it', async () => {
    const { stage } = own;
    const { stream, seen } = stage.begin(stage.worker({ onRequest: () => ({ outcome: 'fenced' }) }));
    expect(await finished(seen.session.commit(1))).toBe('fenced');
    expect(seen.events).toEqual(['detached 4409', 'close 4409']);
    // Its client, if it is one, comes back and is led to where the session is.
    expect(stream.end).toMatchObject({ kind: 'detach', code: 4409 });
  });

  it('is written again with the new generation when the old one was fenced by ourselves', async () => {
    const { stage } = own;
    const worker = stage.worker();
    const { seen } = stage.begin(worker);
    const outcome = seen.session.commit(1);
    await pass(1);
    worker.open(ID, { generation: 2, cause: 'resume' });
    worker.answer(worker.requests[0]!, { outcome: 'fenced' });
    await pass(1);
    expect(worker.requests.at(-1)?.body).toMatchObject({ generation: 2 });
    worker.answer(worker.requests[1]!, { outcome: 'committed' });
    expect(await finished(outcome)).toBe('committed');
    expect(seen.session.isClosed).toBe(false);
  });

  it('is tried three times, then nobody knows', async () => {
    const { stage } = own;
    const worker = stage.worker();
    const { seen } = stage.begin(worker);
    const outcome = seen.session.commit(1);
    for (let i = 0; i < 3; i += 1) {
      await pass(1500);
      worker.sayJson(0, TrunkKind.Result, { ref: worker.requests.at(-1)?.ref, ok: false, error: '?', retryable: true });
    }
    expect(await finished(outcome)).toBe('failed');
    expect(worker.requests.length).toBe(3);
  });

  it('of a plain client is unknown, and of a closed session fails', async () => {
    const { stage } = own;
    const worker = stage.worker(committed);
    worker.open(ID, { plain: true });
    expect(await finished(stage.last.session.commit(1))).toBe('unknown');
    const { seen } = stage.begin(worker, 'B'.repeat(22));
    seen.session.close();
    expect(await finished(seen.session.commit(1))).toBe('failed');
  });

  it.each([
    ['a function', () => 1],
    ['a circle', circle()],
    ['too large', 'x'.repeat(70_000)],
  ])('refuses a state that cannot be written down: %s', async (_what, state) => {
    const { stage } = own;
    const { seen } = stage.begin(stage.worker(committed));
    await expect(seen.session.commit(state)).rejects.toMatchObject({ code: 'BACKEND_BAD_STATE', sessionId: ID });
  });
});

describe("acknowledge: 'committed'", () => {
  it('tells the client to forget what is committed, not what is handled', async () => {
    const stage = new Stage({ acknowledge: 'committed' });
    const worker = stage.worker(committed);
    const { stream, seen } = stage.begin(worker);
    stage.handle = (session) => session.send('re');
    stream.message('1');
    stream.message('2');
    await pass(2000);
    expect(stream.heard.map(({ ack }) => ack ?? 0).every((ack) => ack === 0)).toBe(true);
    await finished(seen.session.commit());
    await pass(1250);
    expect(stream.heard.at(-1)).toMatchObject({ ack: 2 });
    stream.detach();
    const client = { received: 2, lowest: 1, sent: 2 };
    expect(worker.open(ID, { generation: 2, cause: 'resume', client }).opened).toEqual({ handled: 2, received: 2 });
    await stage.backend.close();
  });

  it('takes what the client has forgotten for committed after a failover, and nothing else', async () => {
    const stage = new Stage({ acknowledge: 'committed' });
    const worker = stage.worker(committed);
    const stream = worker.open(ID, {
      generation: 2,
      cause: 'handoff',
      client: undefined,
      counters: { handled: 5, received: 5, lastDown: 0, ackedDown: 0 },
    });
    expect(stream.opened).toEqual({ handled: 0, received: 5 });
    stream.resync({ received: 0, lowest: 4, sent: 5 });
    await finished(stage.last.session.commit());
    await pass(1250);
    expect(stream.heard.at(-1)).toMatchObject({ ack: 5 });
    await stage.backend.close();
  });

  it('a commit within a handler covers its message before the handler is done', async () => {
    const stage = new Stage({ acknowledge: 'committed' });
    const worker = stage.worker(committed);
    const { stream } = stage.begin(worker);
    const busy = gate();
    stage.handle = async (session) => {
      await session.commit(1);
      await busy.opened;
    };
    stream.message('1');
    await pass(1250);
    expect(stream.heard.at(-1)).toMatchObject({ ack: 1 });
    stream.detach();
    const client = { received: 0, lowest: 2, sent: 1 };
    expect(worker.open(ID, { generation: 2, cause: 'resume', client }).opened).toEqual({ handled: 1, received: 1 });
    busy.open();
    await stage.backend.close();
  });
});

function circle(): object {
  const one: { other?: object } = {};
  one.other = one;
  return one;
}

/** Lets what it waits for happen. */
async function finished<T>(promise: Promise<T>): Promise<T> {
  await pass(10);
  return promise;
}
