/**
 * The numbers of one session, both directions: what arrived, what is handled, what was given out, what the client has. Pure.
 *
 * A session that comes from another backend is restored in two steps. Before the client has said how far it got, nobody
 * knows where numbers go on: a backend that died may have sent more than it parked. So what the application sends
 * meanwhile waits, and `sync` puts it behind what was restored.
 */
import {
  type Bound,
  CLIENT_QUEUE,
  type ClientCounters,
  DOWN_TAIL,
  Inbox,
  type LostRange,
  type Open,
  Outbox,
  PARKED_TAIL,
  type SessionCounters,
  type TailEntry,
} from '@holdfast/protocol';
import { type Payload, bytesOf, payloadOf } from './payload.js';

/** What an outbox holds at most; which of the two bounds counts depends on whether the client is there. */
const KEPT: Bound = {
  messages: Math.max(DOWN_TAIL.messages, PARKED_TAIL.messages),
  bytes: Math.max(DOWN_TAIL.bytes, PARKED_TAIL.bytes),
};

/** What frees the client's memory: a handler that is done, or a commit. */
export type AcknowledgeMode = 'handled' | 'committed';

interface Restored {
  readonly ackedDown: number;
  readonly lastDown: number;
  readonly tail: readonly TailEntry[];
  readonly tailBytes: number;
  /** The client sends again what the backend before may have handled, up to what it ever sent. */
  readonly isFailover: boolean;
}

export class Exchange {
  outbox: Outbox<Payload>;
  inbox: Inbox;
  /** Highest number whose handler is done. */
  handled: number;
  /** Highest number that a commit covers. */
  committed: number;
  /** Numbers up to here may have been handled, or begun, by another backend. */
  redeliveredUpTo = 0;
  readonly #mode: AcknowledgeMode;
  #restored: Restored | undefined;
  /** The last number that was given out and that nobody has any more; 0: there is none. */
  #missingUpTo = 0;

  constructor(mode: AcknowledgeMode) {
    this.#mode = mode;
    this.handled = this.committed = 0;
    this.inbox = new Inbox();
    this.outbox = new Outbox(KEPT);
  }

  /** From a handoff, from what was parked or committed, or from nothing. What was received but not handled comes again. */
  static restored(
    { cause, counters, checkpoint, plain }: Open,
    tail: readonly TailEntry[],
    mode: AcknowledgeMode,
  ): Exchange {
    const exchange = new Exchange(mode);
    const handled = Math.max(counters?.handled ?? 0, checkpoint?.handled ?? 0);
    const ackedDown = counters?.ackedDown ?? (tail[0]?.n ?? 1) - 1;
    const lastDown = Math.max(counters?.lastDown ?? 0, tail.at(-1)?.n ?? 0, ackedDown);
    exchange.handled = handled;
    // A plain client sends nothing again.
    exchange.redeliveredUpTo = plain ? 0 : (counters?.received ?? 0);
    exchange.committed = checkpoint?.handled ?? 0;
    exchange.inbox = new Inbox(handled);
    exchange.outbox = new Outbox(KEPT, lastDown);
    const tailBytes = tail.reduce((sum, { data }) => sum + data.length, 0);
    exchange.#restored = { ackedDown, lastDown, tail, tailBytes, isFailover: cause === 'failover' };
    return exchange;
  }

  /** What the client may forget. */
  get acknowledgeable(): number {
    return this.#mode === 'handled' ? this.handled : this.committed;
  }

  /** False: numbers are not final before `sync`. */
  get isSettled(): boolean {
    return this.#restored === undefined;
  }

  get counters(): SessionCounters {
    const { handled, inbox, outbox } = this;
    const ackedDown = this.#restored?.ackedDown ?? outbox.lowest - 1;
    return { handled, received: inbox.last, lastDown: outbox.last, ackedDown };
  }

  /** Of a session that leaves: what is above `handled` comes again, and up to here some handler may have begun with it. */
  get begunUpTo(): number {
    return Math.max(this.inbox.last, this.redeliveredUpTo);
  }

  /** Messages that are kept for the client. */
  get keptMessages(): number {
    return this.outbox.length + (this.#restored?.tail.length ?? 0);
  }

  get keptBytes(): number {
    return this.outbox.bytes + (this.#restored?.tailBytes ?? 0);
  }

  /** What the client has not acknowledged, up to the first that is missing. */
  get tail(): TailEntry[] {
    const tail = [...(this.#restored?.tail ?? [])];
    const last = tail.at(-1)?.n;
    if (last !== undefined && last + 1 !== this.outbox.lowest) return tail;
    for (const { n, data } of this.outbox.entries()) tail.push(entryOf(n, data));
    return tail;
  }

  /** Of the tail that fits into `bound`, what is above a number. Numbers are final: call `sync` first. */
  tailWithin(bound: Bound, above: number): { readonly tail: readonly TailEntry[]; readonly isWhole: boolean } {
    const tail: TailEntry[] = [];
    let messages = 0;
    let bytes = 0;
    for (const entry of this.outbox.entries()) {
      messages += 1;
      bytes += entry.bytes;
      if (messages > bound.messages || bytes > bound.bytes) return { tail, isWhole: false };
      if (entry.n > above) tail.push(entryOf(entry.n, entry.data));
    }
    return { tail, isWhole: true };
  }

  /** Counters of a client that has everything: of a new one, and of a plain one, which counts nothing. */
  get ownCounters(): ClientCounters {
    return { received: this.counters.ackedDown, lowest: this.handled + 1, sent: this.handled };
  }

  /** False: the client knows of more than this backend, so somebody else has had the session since. */
  knows({ received, lowest }: ClientCounters): boolean {
    if (this.#restored !== undefined) return true;
    return received <= this.outbox.last && lowest - 1 <= Math.max(this.handled, this.committed);
  }

  /** The client has said how far it got: what it has not received is to be sent again. False: see `knows`. */
  sync(client: ClientCounters): boolean {
    if (!this.knows(client)) return false;
    if (this.#restored !== undefined) this.#settle(this.#restored, client);
    // Whatever it was told before, it may not have heard.
    this.inbox = inboxAt(this.inbox.last, Math.min(this.acknowledgeable, client.lowest - 1));
    this.outbox.acknowledge(client.received);
    this.outbox.rewind(client.received);
    return true;
  }

  /**
   * Its client has gone before it said how far it got: all that is kept is taken to be missing there. False: after a failover, or
   * with a tail that was not kept whole, only the client knows which numbers are taken.
   */
  settleAlone(): boolean {
    if (this.#restored === undefined) return true;
    const { ackedDown, lastDown, tail, isFailover } = this.#restored;
    if (isFailover || (tail.at(-1)?.n ?? ackedDown) < lastDown) return false;
    return this.sync({ received: ackedDown, lowest: 1, sent: this.handled });
  }

  /**
   * What the answer to an open acknowledges. As on data frames, nothing whose answer may still wait here: should this backend
   * die before that has left, only the client can have the message handled again. The last data frame then acknowledges it.
   */
  acknowledgeOnOpen(client: ClientCounters | undefined): number {
    const { acknowledgeable } = this;
    if (this.keptMessages > 0) return Math.min(acknowledgeable, (client?.lowest ?? 1) - 1);
    this.inbox.markAcknowledged(acknowledgeable);
    return acknowledgeable;
  }

  /** What waits for its handler is given up: it is to be received again. */
  forgetReceivedAbove(n: number): void {
    if (this.inbox.last > n) this.inbox = inboxAt(n, this.acknowledgeable);
  }

  /** Numbers that the client waits for and nobody has any more. */
  lostFor({ received }: ClientCounters): LostRange | undefined {
    // Not by what is kept: a client that moves to another connection may have acknowledged more than it said there.
    return this.#missingUpTo > received ? { from: received + 1, to: this.#missingUpTo } : undefined;
  }

  #settle({ lastDown, tail, isFailover }: Restored, client: ClientCounters): void {
    this.#restored = undefined;
    // What the client does not keep any more was acknowledged, so it was handled.
    this.handled = Math.max(this.handled, client.lowest - 1);
    this.committed = Math.max(this.committed, client.lowest - 1);
    this.inbox = new Inbox(this.handled);
    if (isFailover) this.redeliveredUpTo = client.sent;
    const waiting = this.outbox;
    this.outbox = restoreOutbox(tail, Math.max(lastDown, client.received), client.received);
    if (this.outbox.lowest > client.received + 1) this.#missingUpTo = this.outbox.lowest - 1;
    for (const { data, bytes } of waiting.entries()) this.outbox.push(data, bytes);
  }
}

/** One that has everything up to `last`, of which the client was told up to `acknowledged`. */
function inboxAt(last: number, acknowledged: number): Inbox {
  const base = Math.min(last, Math.max(acknowledged, last - CLIENT_QUEUE.messages));
  const inbox = new Inbox(base);
  for (let n = base + 1; n <= last; n += 1) inbox.accept(n, 0);
  return inbox;
}

/**
 * What is missing between the end of the tail and `last` (a tail that did not fit shared state) is moved in front of the
 * tail: the client has seen none of these numbers, and a hole in front is one that it can be told of.
 */
function restoreOutbox(tail: readonly TailEntry[], last: number, received: number): Outbox<Payload> {
  const kept = tail.filter(({ n }) => n > received);
  const fitting = kept.slice(0, countFitting(kept));
  const outbox = new Outbox<Payload>(KEPT, last - fitting.length);
  for (const { data, isBinary } of fitting) outbox.push(payloadOf(data, isBinary), data.length);
  return outbox;
}

function countFitting(tail: readonly TailEntry[]): number {
  let bytes = 0;
  for (const [i, { data }] of tail.entries()) {
    if (i >= KEPT.messages || bytes >= KEPT.bytes) return i;
    bytes += data.length;
  }
  return tail.length;
}

function entryOf(n: number, data: Payload): TailEntry {
  return { n, isBinary: typeof data !== 'string', data: bytesOf(data) };
}
