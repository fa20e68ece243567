/** Numbers over many lives: whatever is lost on the way, the client is given each message once, in order, or told. */
import type { ClientCounters, Open } from '@holdfast/protocol';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
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
  /** The next backend gets so many of the tail. */
  | { readonly do: 'park and die'; readonly kept: number };

const count = fc.integer({ min: 0, max: 6 });
const step: fc.Arbitrary<Step> = fc.oneof(
  count.map((given) => ({ do: 'send', count: given }) as const),
  count.map((given) => ({ do: 'deliver', count: given }) as const),
  fc.constantFrom('acknowledge', 'resume', 'handoff').map((what) => ({ do: what }) as const),
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
