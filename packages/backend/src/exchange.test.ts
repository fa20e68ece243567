/** Numbers over many lives: whatever is lost on the way, the client is given each message once, in order, or told. */
import type { ClientCounters, Open } from '@holdfast/protocol';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Exchange } from './exchange.js';

/** What the client has, and how it takes what a backend sends. */
class Client {
  received = 0;
  readonly given: string[] = [];
  readonly told = { lost: 0 };

  take(exchange: Exchange, count: number): void {
    const { outbox } = exchange;
    for (let i = 0; i < count && outbox.nextToSend !== 0; i += 1) {
      const n = outbox.nextToSend;
      if (n !== this.received + 1) throw new Error(`client: expected ${this.received + 1}, got ${n}`);
      this.given.push(String(outbox.peek(n)));
      outbox.markSent();
      this.received = n;
    }
  }

  get counters(): ClientCounters {
    return { received: this.received, lowest: 1, sent: 0 };
  }
}

type Step =
  | { readonly do: 'send'; readonly count: number }
  | { readonly do: 'deliver'; readonly count: number }
  | { readonly do: 'acknowledge' | 'resume' | 'handoff' }
  /** The client leaves before the next backend knows how far it got. */
  | { readonly do: 'hand over and leave' }
  /** The next backend gets so many of the tail. */
  | { readonly do: 'park and die'; readonly kept: number };

const count = fc.integer({ min: 0, max: 6 });
const step: fc.Arbitrary<Step> = fc.oneof(
  count.map((given) => ({ do: 'send', count: given }) as const),
  count.map((given) => ({ do: 'deliver', count: given }) as const),
  fc.constantFrom('acknowledge', 'resume', 'handoff', 'hand over and leave').map((what) => ({ do: what }) as const),
  count.map((kept) => ({ do: 'park and die', kept }) as const),
);

function successor(exchange: Exchange, cause: Open['cause'], kept: number): Exchange {
  const tail = exchange.tail.slice(0, kept);
  return Exchange.restored({ cause, counters: exchange.counters } as Open, tail, 'handled');
}

it('the client is given each message once and in order, and every one that is missing was told', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const client = new Client();
      let exchange = new Exchange('handled');
      let sent = 0;
      const attach = (next: Exchange): void => {
        exchange = next;
        // Said before its client is known: goes behind everything else.
        sent += 1;
        exchange.outbox.push(`${sent}`, 1);
        expect(exchange.sync(client.counters)).toBe(true);
        const lost = exchange.lostFor(client.counters);
        if (lost === undefined) return;
        client.told.lost += (lost.to ?? 0) - lost.from + 1;
        client.received = lost.to ?? 0;
      };
      for (const one of steps) {
        if (one.do === 'deliver') client.take(exchange, one.count);
        if (one.do === 'acknowledge') exchange.outbox.acknowledge(client.received);
        if (one.do === 'resume') exchange.sync(client.counters);
        if (one.do === 'handoff') attach(successor(exchange, 'handoff', Infinity));
        if (one.do === 'hand over and leave') {
          exchange = successor(exchange, 'handoff', Infinity);
          expect(exchange.settleAlone()).toBe(true);
          attach(exchange);
        }
        if (one.do === 'park and die') attach(successor(exchange, 'failover', one.kept));
        for (let i = 0; one.do === 'send' && i < one.count; i += 1) exchange.outbox.push(`${(sent += 1)}`, 1);
      }
      client.take(exchange, Infinity);
      const given = client.given.map(Number);
      expect(given).toEqual([...new Set(given)].toSorted((a, b) => a - b));
      expect(given.length + client.told.lost).toBe(sent);
    }),
  );
});

describe('an exchange whose client left before it had said how far it got', () => {
  const counters = { handled: 5, received: 6, lastDown: 2, ackedDown: 2 };
  const restored = (cause: Open['cause'], checkpoint?: Open['checkpoint']): Exchange =>
    Exchange.restored({ cause, counters, checkpoint } as Open, [], 'committed');

  it('is settled after a handoff, and not after a failover', () => {
    const handedOver = restored('handoff');
    expect(handedOver.settleAlone()).toBe(true);
    expect(handedOver.isSettled).toBe(true);
    expect(handedOver.counters).toEqual({ ...counters, received: 5 });
    const failedOver = restored('failover');
    expect(failedOver.settleAlone()).toBe(false);
    expect(failedOver.isSettled).toBe(false);
  });

  it('does not take what is handled for committed', () => {
    const exchange = restored('handoff', { handled: 3, state: 'j1' });
    exchange.settleAlone();
    expect(exchange.acknowledgeable).toBe(3);
    const client = { received: 2, lowest: 1, sent: 6 };
    expect(exchange.sync(client)).toBe(true);
    expect(exchange.acknowledgeOnOpen(client)).toBe(3);
  });

  it('gives it nothing twice when it comes back though only part of its tail was kept', () => {
    const given = { handled: 0, received: 0, lastDown: 5, ackedDown: 0 };
    const tail = [1, 2, 3].map((n) => ({ n, isBinary: false, data: new Uint8Array(Buffer.from(`message ${n}`)) }));
    const exchange = Exchange.restored({ cause: 'handoff', counters: given } as Open, tail, 'handled');
    exchange.settleAlone();
    const client = new Client();
    client.received = 2;
    exchange.sync(client.counters);
    client.received = exchange.lostFor(client.counters)?.to ?? client.received;
    client.take(exchange, Infinity);
    expect(client.given).toEqual(['message 3']);
  });
});
