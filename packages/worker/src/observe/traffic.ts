/**
 * What the data plane counts while it works: plain numbers on objects that a connection holds on to, so that a message
 * costs additions and no look-ups. metrics.ts turns them into Prometheus metrics when somebody asks.
 *
 * Bounded by configuration, not by clients: one entry per route × backend, and per route × (close code, side) of
 * codes that were checked.
 */
import type { HandshakeResult, ClosedBy } from './outcomes.js';

/** Of one route and one backend. `up` is towards the backend. */
export interface TrafficCounts {
  readonly route: string;
  readonly pool: string;
  readonly backend: string;
  open: number;
  total: number;
  messagesUp: number;
  messagesDown: number;
  bytesUp: number;
  bytesDown: number;
  httpInFlight: number;
  httpBytesUp: number;
  httpBytesDown: number;
}

/** Close codes that get a label of their own, in the order in which they appear. */
const MAX_CLOSE_CODES = 64;

export class Traffic {
  readonly counts: Map<string, TrafficCounts> = new Map();
  readonly handshakes: Counter = new Counter();
  readonly closes: Counter = new Counter();
  readonly requests: Counter = new Counter();
  readonly #closeCodes = new Set<number>();
  /** A bound was hit: what was full, and what was done. */
  readonly bounds: Counter = new Counter();

  of(route: string, pool: string, backend: string): TrafficCounts {
    const key = `${route}\n${pool}\n${backend}`;
    let counts = this.counts.get(key);
    if (counts === undefined) {
      counts = {
        route,
        pool,
        backend,
        open: 0,
        total: 0,
        messagesUp: 0,
        messagesDown: 0,
        bytesUp: 0,
        bytesDown: 0,
        httpInFlight: 0,
        httpBytesUp: 0,
        httpBytesDown: 0,
      };
      this.counts.set(key, counts);
    }
    return counts;
  }

  handshake(route: string, result: HandshakeResult): void {
    this.handshakes.add({ route, result });
  }

  closed(route: string, code: number, side: ClosedBy): void {
    this.closes.add({ route, code: this.#closeCodeLabel(code), side });
  }

  request(route: string, backend: string, status: number): void {
    this.requests.add({ route, backend, status: String(status) });
  }

  boundHit(bound: BoundName): void {
    this.bounds.add({ bound });
  }

  /** Applications have 3000–4999 to themselves: a label for each would let a client make 2,000 time series. */
  #closeCodeLabel(code: number): string {
    if (!this.#closeCodes.has(code)) {
      if (this.#closeCodes.size >= MAX_CLOSE_CODES) return 'other';
      this.#closeCodes.add(code);
    }
    return String(code);
  }
}

/** Every bound of the data plane; docs/metrics.md says what happens at each. */
export type BoundName =
  | 'message_bytes'
  | 'messages_per_second'
  | 'connections_per_address'
  | 'client_buffer'
  | 'backend_buffer'
  | 'idle'
  | 'lifetime'
  | 'refusal_body';

/** A counter by labels, kept apart from any metrics library. */
export class Counter {
  readonly #entries = new Map<string, { readonly labels: Readonly<Record<string, string>>; value: number }>();

  add(labels: Readonly<Record<string, string>>, by = 1): void {
    const key = Object.values(labels).join('\n');
    const entry = this.#entries.get(key);
    if (entry === undefined) this.#entries.set(key, { labels, value: by });
    else entry.value += by;
  }

  entries(): Iterable<{ readonly labels: Readonly<Record<string, string>>; readonly value: number }> {
    return this.#entries.values();
  }
}
