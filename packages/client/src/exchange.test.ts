/** The numbers of a session apart from any connection: what random histories leave at the other end, and the corners. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Exchange } from './exchange.js';

const BOUND = { messages: 1000, bytes: 1_000_000 };

function drain(exchange: Exchange): readonly string[] {
  const frames: string[] = [];
  for (let frame = exchange.takeFrame(); frame !== undefined; frame = exchange.takeFrame()) frames.push(String(frame));
  return frames;
}

type Step = { readonly type: 'push' | 'send' | 'arrive' | 'handle' | 'resume' | 'rehome' | 'reset' };
const steps = fc.array(
  fc.record<Step>({
    type: fc.constantFrom('push', 'push', 'push', 'send', 'arrive', 'arrive', 'handle', 'resume', 'rehome', 'reset'),
  }),
  { maxLength: 80 },
);

/** The other end: takes frames in order, may lose those that are on the way, and handles in order. */
class Peer {
  readonly seen: string[] = [];
  received = 0;
  handled = 0;
  wire: string[] = [];

  arrive(): void {
    const [, n, text] = /^m(\w+)\.0:(.*)$/.exec(this.wire.shift() ?? '') ?? [];
    if (n === undefined || text === undefined) return;
    const number = Number.parseInt(n, 36);
    if (number > this.received + 1) throw new Error(`peer: expected ${this.received + 1}, got ${number}`);
    if (number <= this.received) return;
    this.received = number;
    this.seen.push(text);
  }
}

describe('numbers of a session', () => {
  it('bring every message once and in order, or report it, whatever happens to connections and backends', () => {
    fc.assert(
      fc.property(steps, (history) => {
        const exchange = new Exchange(BOUND);
        let peer = new Peer();
        const arrived: string[] = [];
        const reported: string[] = [];
        let pushed = 0;
        const acts: Record<Step['type'], () => void> = {
          push: () => void exchange.push(String((pushed += 1)), 1),
          send: () => void peer.wire.push(...drain(exchange)),
          arrive: () => peer.arrive(),
          handle: () => exchange.acknowledge((peer.handled = peer.received)),
          resume: () => {
            peer.wire = [];
            exchange.resume(peer.handled, peer.received, undefined);
          },
          // A crash: the next backend has what was handled, and only that.
          rehome: () => {
            peer.wire = [];
            peer.seen.splice(peer.handled);
            peer.received = peer.handled;
            exchange.resume(undefined, undefined, undefined);
          },
          reset: () => {
            arrived.push(...peer.seen);
            peer = new Peer();
            reported.push(...(exchange.reset() as string[]));
          },
        };
        for (const { type } of history) acts[type]();
        acts.resume();
        acts.send();
        while (peer.wire.length > 0) peer.arrive();
        arrived.push(...peer.seen);
        const accountedFor = new Set([...arrived, ...reported]);
        expect(arrived).toEqual([...new Set(arrived)].toSorted((a, b) => Number(a) - Number(b)));
        expect(accountedFor.size).toBe(pushed);
      }),
      { numRuns: 500 },
    );
  });

  it('keep what was taken through a reset, even if the limits came down meanwhile', () => {
    const exchange = new Exchange(BOUND);
    for (const text of ['a', 'b', 'c']) exchange.push(text, 1);
    exchange.limit({ messages: 1, bytes: 1 });
    expect(exchange.reset()).toEqual([]);
    expect(exchange.length).toBe(3);
    expect(exchange.isFull).toBe(true);
    expect(drain(exchange)).toEqual(['m1.0:a', 'm2.0:b', 'm3.0:c']);
  });

  it('take a limit of 0 for none', () => {
    const exchange = new Exchange(BOUND);
    exchange.limit({ messages: 0, bytes: 0 });
    expect(exchange.push('a', 1)).toBe(true);
  });

  it('ignore a loss that lies behind what arrived, or whose end is unknown', () => {
    const exchange = new Exchange(BOUND);
    exchange.accept(1, 1);
    exchange.accept(2, 1);
    exchange.resume(0, 0, { from: 1, to: 1 });
    exchange.resume(0, 0, { from: 3, to: null });
    exchange.resume(0, 0, { from: 9, to: 12 });
    expect(exchange.counters.received).toBe(2);
  });
});
