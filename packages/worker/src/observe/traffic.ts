/**
 * What the data plane counts while it works: plain numbers on objects that a connection holds on to, so that a message
 * costs additions and no look-ups. metrics.ts turns them into Prometheus metrics when somebody asks.
 *
 * Bounded by configuration, not by clients: one entry per route × backend, and per route × (close code, side) of
 * codes that were checked. Backends that left their pool are forgotten some time after their last connection, for where
 * names are resolved anew for years, there is no end of them.
 */
import type { RateName } from '../access/rate-pair.js';
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
  /** Of those up: taken from the client, and not by the backend before its connection ended. */
  messagesLost: number;
  bytesUp: number;
  bytesDown: number;
  httpInFlight: number;
  httpBytesUp: number;
  httpBytesDown: number;
  /** Since when nothing of it is open and its backend is no member any more. */
  goneAt: number | undefined;
}

export type IsMember = (pool: string, backend: string) => boolean;

/** Long enough for the last counts of a backend to be read by anybody who reads them. */
const KEEP_GONE_MS = 10 * 60_000;

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
        messagesLost: 0,
        bytesUp: 0,
        bytesDown: 0,
        httpInFlight: 0,
        httpBytesUp: 0,
        httpBytesDown: 0,
        goneAt: undefined,
      };
      this.counts.set(key, counts);
    }
    return counts;
  }

  /** Called whenever the counts are read. */
  prune(isMember: IsMember, nowMs: number): void {
    for (const [key, counts] of this.counts) {
      const { pool, backend, open, httpInFlight } = counts;
      // No backend: what was answered by Holdfast itself.
      if (backend === '' || open > 0 || httpInFlight > 0 || isMember(pool, backend)) counts.goneAt = undefined;
      else if (counts.goneAt === undefined) counts.goneAt = nowMs;
      else if (nowMs - counts.goneAt >= KEEP_GONE_MS) this.#forget(key, counts);
    }
  }

  #forget(key: string, { route, backend }: TrafficCounts): void {
    this.counts.delete(key);
    const isKnown = [...this.counts.values()].some((other) => other.route === route && other.backend === backend);
    if (!isKnown) this.requests.delete((labels) => labels['route'] === route && labels['backend'] === backend);
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
  | RateName
  | 'shared_rates'
  | 'connections'
  | 'connections_per_address'
  | 'connections_per_principal'
  | 'new_per_second'
  | 'new_per_second_per_address'
  | 'new_per_second_per_principal'
  | 'forward_auth'
  | 'jwks'
  | 'client_buffer'
  | 'backend_buffer'
  | 'backend_close'
  | 'backend_drain'
  | 'http_stall'
  | 'idle'
  | 'descriptors'
  | 'proxy_header'
  | 'control_frames'
  | 'lifetime'
  | 'refusal_body'
  | 'admissions_per_second'
  | 'overload_buffers'
  | 'unwritten_sessions'
  | 'session_topics'
  | 'worker_topics'
  | 'topic_asks'
  | 'topic_publishes'
  | 'topic_message_bytes'
  | 'topic_name'
  | 'topic_buffer'
  | 'topic_memory'
  | 'presence_info'
  | 'presence_untold';

/** A counter by labels, kept apart from any metrics library. */
export class Counter {
  readonly #entries = new Map<string, { readonly labels: Readonly<Record<string, string>>; value: number }>();

  add(labels: Readonly<Record<string, string>>, by = 1): void {
    const key = Object.values(labels).join('\n');
    const entry = this.#entries.get(key);
    if (entry === undefined) this.#entries.set(key, { labels, value: by });
    else entry.value += by;
  }

  delete(isGone: (labels: Readonly<Record<string, string>>) => boolean): void {
    for (const [key, { labels }] of this.#entries) if (isGone(labels)) this.#entries.delete(key);
  }

  entries(): Iterable<{ readonly labels: Readonly<Record<string, string>>; readonly value: number }> {
    return this.#entries.values();
  }
}
