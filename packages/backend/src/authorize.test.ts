/** What clients may do with topics, as the application judges. */
import { TrunkKind } from '@holdfast/protocol';
import { describe, expect, it } from 'vitest';
import type { Authorize } from './authorize.js';
import type { FakeWorker } from './testing/fake-worker.js';
import { gate, ID, pass, useStage } from './testing/stage.js';

const own = useStage();
const ASKS = [
  { topic: 'room:1', action: 'subscribe' },
  { topic: 'room:2', action: 'publish' },
];

function ask(worker: FakeWorker, body: object = {}): void {
  worker.sayJson(0, TrunkKind.Request, { ref: 7, op: 'authorize', session: ID, asks: ASKS, ...body });
}

function answersOf(worker: FakeWorker): readonly unknown[] {
  return worker.of('result').map(({ body }) => body);
}

async function answerTo(judge: Authorize | undefined): Promise<readonly unknown[]> {
  const worker = own.stage.worker();
  if (judge !== undefined) own.stage.backend.authorize(judge);
  ask(worker);
  await pass(1);
  return answersOf(worker);
}

describe('authorize', () => {
  it('is asked what, by whom, on which session', async () => {
    const requests: unknown[] = [];
    const worker = own.stage.worker();
    own.stage.backend.authorize((request) => requests.push(request) > 0);
    ask(worker, { principal: 'ann', claims: { role: 'a' } });
    ask(worker, { ref: 8 });
    await pass(1);
    expect(requests.slice(0, 2)).toEqual([
      { topic: 'room:1', action: 'subscribe', principal: 'ann', claims: { role: 'a' }, sessionId: ID },
      { topic: 'room:2', action: 'publish', principal: 'ann', claims: { role: 'a' }, sessionId: ID },
    ]);
    expect(requests[2]).toMatchObject({ principal: '', claims: undefined });
  });

  it('answers each ask by itself', async () => {
    expect(await answerTo(({ action }) => action === 'subscribe')).toEqual([
      { ref: 7, ok: true, allowed: [true, false] },
    ]);
  });

  it('takes promises, and what presence is to say', async () => {
    const judge: Authorize = ({ action }) => Promise.resolve(action === 'subscribe' && { info: { name: 'Zoë' } });
    expect(await answerTo(judge)).toEqual([
      { ref: 7, ok: true, allowed: [true, false], info: [{ name: 'Zoë' }, null] },
    ]);
  });

  it('allows nothing when nobody judges', async () => {
    expect(await answerTo(undefined)).toEqual([{ ref: 7, ok: true, allowed: [false, false] }]);
    expect(own.stage.errors).toEqual([]);
  });

  it('is the one that was set last', async () => {
    own.stage.backend.authorize(() => true);
    expect(await answerTo(() => false)).toMatchObject([{ allowed: [false, false] }]);
  });

  it.each<[string, (topic: string) => unknown]>([
    [
      'throws',
      () => {
        throw new Error('database');
      },
    ],
    ['rejects', () => Promise.reject(new Error('database'))],
    ['says something else', () => 'yes'],
    ['says nothing', () => undefined],
    ['says an object without info', () => ({})],
    ['says info that is none', () => ({ info: 'Zoë' })],
    ['says too much of it', () => ({ info: { name: 'x'.repeat(1024) } })],
  ])('refuses where it %s, and that is reported', async (_, say) => {
    const judge = (({ topic }) => (topic === 'room:1' ? say(topic) : true)) as Authorize;
    expect(await answerTo(judge)).toEqual([{ ref: 7, ok: true, allowed: [false, true] }]);
    expect(own.stage.errors).toMatchObject([{ code: 'BACKEND_AUTHORIZE_FAILED', sessionId: ID }]);
  });

  it('that takes too long is no answer: the client may ask again', async () => {
    const late = gate();
    const worker = own.stage.worker();
    own.stage.backend.authorize(({ topic }) => topic === 'room:1' || late.opened.then(() => true));
    ask(worker);
    await pass(4400);
    expect(answersOf(worker)).toEqual([]);
    await pass(200);
    expect(answersOf(worker)).toMatchObject([{ ref: 7, ok: false, retryable: true }]);
    expect(own.stage.errors).toMatchObject([{ code: 'BACKEND_AUTHORIZE_FAILED' }]);
    late.open();
    await pass(1);
    expect(answersOf(worker)).toHaveLength(1);
  });

  it('says nothing to a trunk that is gone', async () => {
    const answer = gate();
    const worker = own.stage.worker();
    own.stage.backend.authorize(() => answer.opened.then(() => true));
    ask(worker);
    worker.transport.lose();
    answer.open();
    await pass(1);
    expect(answersOf(worker)).toEqual([]);
    expect(own.stage.errors).toEqual([]);
  });

  it('closes the trunk of a worker that asks too much at once', async () => {
    const worker = own.stage.worker();
    ask(worker, { asks: Array.from({ length: 101 }, () => ASKS[0]) });
    await pass(1);
    expect(worker.transport.end).toMatchObject({ code: 4400 });
  });
});
