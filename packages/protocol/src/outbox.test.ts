/**
 * Outbox against a model that is too simple to be wrong: one array of everything ever pushed and three numbers. fast-check
 * runs random histories on both, and prints the seed and the shortest history of a difference.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Outbox } from './outbox.js';
import { ProtocolError } from './protocol-error.js';

/** Small, so that histories often meet it. */
const BOUND = { messages: 12, bytes: 100 };

interface Model {
  /** Sizes of all messages ever pushed after `first`. */
  readonly sizes: number[];
  readonly first: number;
  acknowledged: number;
  /** Number of the last that this connection was given, and of the last that any was. */
  at: number;
  sent: number;
}

interface Message {
  readonly size: number;
}

type Command = fc.Command<Model, Outbox<Message>>;

const last = ({ first, sizes }: Model): number => first + sizes.length;
const keptSizes = (model: Model): number[] => model.sizes.slice(model.acknowledged - model.first);
const keptBytes = (model: Model): number => keptSizes(model).reduce((sum, size) => sum + size, 0);
const isFull = (model: Model): boolean =>
  last(model) - model.acknowledged >= BOUND.messages || keptBytes(model) >= BOUND.bytes;

function check(model: Model, outbox: Outbox<Message>): void {
  const kept = keptSizes(model);
  expect({
    last: outbox.last,
    lowest: outbox.lowest,
    sent: outbox.sent,
    length: outbox.length,
    bytes: outbox.bytes,
    isFull: outbox.isFull,
    hasUnsent: outbox.hasUnsent,
    nextToSend: outbox.nextToSend,
  }).toEqual({
    last: last(model),
    lowest: model.acknowledged + 1,
    sent: model.sent,
    length: kept.length,
    bytes: keptBytes(model),
    isFull: isFull(model),
    hasUnsent: model.at < last(model),
    nextToSend: model.at < last(model) ? model.at + 1 : 0,
  });
  expect([...outbox.entries()].map(({ n, bytes, data }) => [n, bytes, data.size])).toEqual(
    kept.map((size, i) => [model.acknowledged + 1 + i, size, size]),
  );
  // What a client's hello says of it is always well-formed.
  expect(outbox.lowest).toBeLessThanOrEqual(outbox.sent + 1);
}

function push(size: number): Command {
  return {
    check: () => true,
    run: (model, outbox) => {
      const isTaken = !isFull(model);
      if (isTaken) model.sizes.push(size);
      expect(outbox.push({ size }, size)).toBe(isTaken ? last(model) : 0);
      check(model, outbox);
    },
    toString: () => `push(${size})`,
  };
}

const send: Command = {
  check: (model) => model.at < last(model),
  run: (model, outbox) => {
    model.at += 1;
    model.sent = Math.max(model.sent, model.at);
    expect(outbox.nextToSend).toBe(model.at);
    expect(outbox.peek(outbox.nextToSend).size).toBe(model.sizes[model.at - model.first - 1]);
    outbox.markSent();
    check(model, outbox);
  },
  toString: () => 'send',
};

/** Acknowledges everything up to a number relative to what is kept: below, within, or above. */
function acknowledge(offset: number): Command {
  return {
    check: () => true,
    run: (model, outbox) => {
      const n = Math.max(0, model.acknowledged + offset);
      if (n > last(model)) {
        expect(() => outbox.acknowledge(n)).toThrow(ProtocolError);
      } else {
        expect(outbox.acknowledge(n)).toBe(n > model.acknowledged);
        model.acknowledged = Math.max(model.acknowledged, n);
        model.at = Math.max(model.at, model.acknowledged);
        model.sent = Math.max(model.sent, model.acknowledged);
      }
      check(model, outbox);
    },
    toString: () => `acknowledge(+${offset})`,
  };
}

function rewind(offset: number): Command {
  return {
    check: () => true,
    run: (model, outbox) => {
      const received = Math.max(0, model.acknowledged + offset);
      outbox.rewind(received);
      const known = Math.min(received, last(model));
      model.at = Math.max(model.acknowledged, known);
      model.sent = Math.max(model.sent, known);
      check(model, outbox);
    },
    toString: () => `rewind(+${offset})`,
  };
}

const commands = fc.commands(
  [
    fc.nat(60).map(push),
    fc.constant(push(1)),
    fc.constant(send),
    fc.integer({ min: -2, max: 14 }).map(acknowledge),
    fc.integer({ min: -2, max: 14 }).map(rewind),
  ],
  { maxCommands: 400, size: 'max' },
);

describe('Outbox', () => {
  it('does what the naive model does, through any history', () => {
    fc.assert(
      fc.property(commands, fc.nat(1000), (history, first) => {
        const model = { sizes: [], first, acknowledged: first, at: first, sent: first };
        fc.modelRun(() => ({ model, real: new Outbox<Message>(BOUND, first) }), history);
      }),
      { numRuns: 200 },
    );
  });

  it('stays right through many rounds of filling and emptying', () => {
    const outbox = new Outbox<number>({ messages: 300, bytes: 1e9 });
    for (let n = 1; n <= 10_000; n += 1) {
      expect(outbox.push(n, 1)).toBe(n);
      outbox.markSent();
      // Keeps 200, then lets most of them go: the head moves far, and what is kept is moved to the front.
      if (n % 250 === 0) outbox.acknowledge(n - 10);
      expect(outbox.peek(n)).toBe(n);
      expect(outbox.peek(outbox.lowest)).toBe(outbox.lowest);
    }
    outbox.acknowledge(10_000);
    expect([outbox.length, outbox.bytes, outbox.lowest]).toEqual([0, 0, 10_001]);
  });

  it('takes one message of any size while it is below its bounds, then none', () => {
    const outbox = new Outbox<string>({ messages: 10, bytes: 100 });
    expect(outbox.push('small', 99)).toBe(1);
    expect(outbox.push('huge', 1_000_000)).toBe(2);
    expect(outbox.push('one more', 0)).toBe(0);
    outbox.acknowledge(2);
    expect(outbox.push('again', 1)).toBe(3);
  });

  it('gives nothing away that it does not keep', () => {
    const outbox = new Outbox<string>(BOUND, 5);
    outbox.push('six', 1);
    outbox.push('seven', 1);
    outbox.acknowledge(6);
    for (const n of [0, 5, 6, 8, -1]) expect(() => outbox.peek(n)).toThrow(RangeError);
    expect(outbox.peek(7)).toBe('seven');
  });

  it('refuses to mark as sent what does not exist', () => {
    const outbox = new Outbox<string>(BOUND);
    expect(() => outbox.markSent()).toThrow(RangeError);
    outbox.push('one', 1);
    outbox.markSent();
    expect(() => outbox.markSent()).toThrow(RangeError);
  });

  it('retains no payload after its acknowledgement', async () => {
    const outbox = new Outbox<object>({ messages: 1000, bytes: 1e9 });
    const references = fill(outbox, 100);
    // 30: the head has moved, nothing was compacted. 90: what is left was moved. 100: empty.
    for (const upTo of [30, 90, 100]) {
      outbox.acknowledge(upTo);
      await collectGarbage();
      expect(references.filter((reference) => reference.deref() !== undefined)).toHaveLength(100 - upTo);
    }
    expect(outbox.length).toBe(0);
  });
});

/** In a function of its own, whose frame is gone when garbage is collected. */
function fill(outbox: Outbox<object>, messages: number): WeakRef<object>[] {
  return Array.from({ length: messages }, (_, n) => {
    const payload = { n };
    outbox.push(payload, 1);
    outbox.markSent();
    return new WeakRef(payload);
  });
}

/** A WeakRef's target lives until the job that read it has ended: collect in a later one. */
async function collectGarbage(): Promise<void> {
  const { setFlagsFromString } = await import('node:v8');
  const { runInNewContext } = await import('node:vm');
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  await new Promise((resolve) => setImmediate(resolve));
  collect();
}
