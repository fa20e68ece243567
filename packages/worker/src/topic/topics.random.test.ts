/**
 * Random lives of topics against a model: clients come, go, come back and read slowly while messages are published, lost,
 * interrupted, refused and failed over. Whatever happens: no client accepts a message twice, out of order, or that was never
 * published; none is told that nothing is missing when something is; and when the trouble is over, all are at the end.
 */
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CLIENTS, type ModelClient, TopicModel } from './testing/topic-model.js';

const TOPICS = ['a', 'b'];
const HISTORY = 12;

type Op = (model: TopicModel) => void | Promise<void>;

const topicArb = fc.constantFrom(...TOPICS);
const clientArb = fc.integer({ min: 0, max: CLIENTS - 1 });

/** The client exists; the type does not know. */
function clientOf(model: TopicModel, i: number): ModelClient {
  const client = model.clients[i];
  if (client === undefined) throw new Error(`expected a client ${i}`);
  return client;
}

function op<T>(
  name: string,
  arb: fc.Arbitrary<T>,
  run: (model: TopicModel, value: T) => void | Promise<unknown>,
): fc.Arbitrary<Op> {
  return arb.map((value) => {
    const act: Op = async (model) => void (await run(model, value));
    return Object.assign(act, { toString: () => `${name} ${JSON.stringify(value)}` });
  });
}

const calm = [
  op('publish', topicArb, (model, topic) => model.publish(topic)),
  op('publish', topicArb, (model, topic) => model.publish(topic)),
  op('subscribe', fc.tuple(clientArb, topicArb), (model, [i, topic]) => clientOf(model, i).subscriber.subscribe(topic)),
  op('leave', fc.tuple(clientArb, topicArb), (model, [i, topic]) => model.leave(clientOf(model, i), topic)),
  op('disconnect', clientArb, (model, i) => model.disconnect(clientOf(model, i))),
  op('miss one', clientArb, async (model, i) => {
    model.disconnect(clientOf(model, i));
    model.publish('a');
    await vi.advanceTimersByTimeAsync(20);
    model.connect(clientOf(model, i));
  }),
  op('connect', clientArb, (model, i) => model.connect(clientOf(model, i))),
  op('wait', fc.constantFrom(0, 1, 3, 10, 100, 6000), (_model, ms) => vi.advanceTimersByTimeAsync(ms)),
  op('wait', fc.constantFrom(0, 1, 3, 10), (_model, ms) => vi.advanceTimersByTimeAsync(ms)),
];

const faults = [
  op('lose', fc.integer({ min: 1, max: 3 }), (model, n) => void (model.server.toLose += n)),
  op('interrupt', fc.constantFrom(1, 20, 500), (model, ms) => model.server.bus.interrupt(ms)),
  op('down', fc.constant(true), (model, isDown) => void (model.server.isDown = isDown)),
  op('up', fc.constant(false), (model, isDown) => void (model.server.isDown = isDown)),
  op('fail over', fc.integer({ min: 0, max: 3 }), (model, missed) => model.server.failOver(missed)),
  op('burst', topicArb, (model, topic) => {
    for (let i = 0; i < HISTORY + 3; i += 1) model.publish(topic);
  }),
  op('read slowly', fc.tuple(clientArb, fc.integer({ min: 1, max: 4 })), (model, [i, n]) => {
    const { session } = clientOf(model, i);
    if (session !== undefined) session.toDrop = n;
  }),
];

const run = (messages: number, ops: fc.Arbitrary<Op>, check: (model: TopicModel) => void) =>
  fc.asyncProperty(fc.array(ops, { minLength: 5, maxLength: 80 }), fc.integer(), async (all, seed) => {
    const model = new TopicModel(messages, randomOf(seed));
    try {
      for (const act of all) await act(model);
      await model.settle();
      expect(model.problems()).toEqual([]);
      check(model);
    } finally {
      model.close();
    }
  });

/** Mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

// fast-check prints the seed and the path of what fails: give them to fc.assert to see it again.
describe('topics, whatever happens', () => {
  it('keep the order and tell what is missing, where messages are kept', { timeout: 120_000 }, async () => {
    await fc.assert(
      run(HISTORY, fc.oneof(...calm, ...faults), () => undefined),
      { numRuns: 300 },
    );
  });

  it('keep the order and tell what is missing, where nothing is kept', { timeout: 120_000 }, async () => {
    await fc.assert(
      run(0, fc.oneof(...calm, ...faults), () => undefined),
      { numRuns: 200 },
    );
  });

  it('lose nothing where nothing goes wrong', { timeout: 120_000 }, async () => {
    await fc.assert(
      run(10_000, fc.oneof(...calm), ({ clients }) => {
        expect(clients.map(({ subscriber }) => subscriber.lost)).toEqual(clients.map(() => 0));
      }),
      { numRuns: 200 },
    );
  });
});
