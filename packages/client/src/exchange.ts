/**
 * The numbers of a session and what they mean for its messages: what is kept, what is to be sent again, who waits for
 * which message to be handled, what is lost when the session is. No I/O: frames in, frames out. A message costs its
 * entry in the outbox; only `deliver` keeps anything more.
 */
import {
  type Arrival,
  type Bound,
  type ClientCounters,
  encodeAck,
  encodeBinary,
  encodeText,
  Inbox,
  type LostRange,
  Outbox,
  ProtocolError,
} from '@holdfast/protocol';
import { ClientError } from './errors.js';
import type { Payload } from './payload.js';

interface Delivery {
  readonly n: number;
  readonly resolve: () => void;
  readonly reject: (error: ClientError) => void;
}

export class Exchange {
  readonly #wanted: Bound;
  /** Shared with the outbox, which reads it at each push. */
  readonly #bound: { messages: number; bytes: number };
  #outbox: Outbox<Payload>;
  #inbox = new Inbox();
  /** In the order of their numbers. */
  #deliveries: Delivery[] = [];

  constructor(bound: Bound) {
    this.#wanted = bound;
    this.#bound = { ...bound };
    this.#outbox = new Outbox(this.#bound);
  }

  get isFull(): boolean {
    return this.#outbox.isFull;
  }

  get length(): number {
    return this.#outbox.length;
  }

  get bytes(): number {
    return this.#outbox.bytes;
  }

  get isAckOwed(): boolean {
    return this.#inbox.isAckOwed();
  }

  get isAckDue(): boolean {
    return this.#inbox.isAckDue();
  }

  get counters(): ClientCounters {
    return { received: this.#inbox.last, lowest: this.#outbox.lowest, sent: this.#outbox.sent };
  }

  /** The server's limits apply where they are lower. 0 cannot be meant: nothing could ever be sent. */
  limit({ messages, bytes }: Bound): void {
    this.#bound.messages = Math.min(this.#wanted.messages, messages || Infinity);
    this.#bound.bytes = Math.min(this.#wanted.bytes, bytes || Infinity);
  }

  /** Answers its number, or 0 when there is no room. */
  push(data: Payload, bytes: number): number {
    return this.#outbox.push(data, bytes);
  }

  /** Tells when the message that was pushed as `n` is handled, or lost. */
  onHandled(n: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#deliveries.push({ n, resolve, reject });
    });
  }

  /** The next frame to send, if any; it counts as sent, and carries our acknowledgement. */
  takeFrame(): Payload | undefined {
    const n = this.#outbox.nextToSend;
    if (n === 0) return undefined;
    const data = this.#outbox.peek(n);
    const ack = this.#inbox.last;
    this.#outbox.markSent();
    this.#inbox.markAcknowledged(ack);
    return typeof data === 'string' ? encodeText(n, ack, data) : encodeBinary(n, ack, data);
  }

  takeAck(): string {
    const ack = this.#inbox.last;
    this.#inbox.markAcknowledged(ack);
    return encodeAck(ack);
  }

  accept(n: number, bytes: number): Arrival {
    return this.#inbox.accept(n, bytes);
  }

  /** Everything up to `n` is handled. */
  acknowledge(n: number): void {
    this.#expectSent(n);
    if (!this.#outbox.acknowledge(n)) return;
    const waiting = this.#deliveries.findIndex((delivery) => delivery.n > n);
    for (const { resolve } of this.#deliveries.splice(0, waiting < 0 ? Infinity : waiting)) resolve();
  }

  /** Another connection, or another backend, has the session. Without numbers: it knows nothing of what we keep. */
  resume(handled: number | undefined, received: number | undefined, lost: LostRange | undefined): void {
    this.#expectSent(received ?? 0);
    this.acknowledge(handled ?? 0);
    this.#outbox.rewind(received ?? 0);
    const { last } = this.#inbox;
    // What is gone will not come: the next message has the number behind it.
    if (lost && lost.from <= last + 1 && lost.to !== null && lost.to > last) this.#inbox = new Inbox(lost.to);
  }

  /** The session is lost. Answers what was sent and never confirmed; what was never sent gets numbers of the next session. */
  reset(): readonly Payload[] {
    const old = this.#outbox;
    const lost: Payload[] = [];
    this.#inbox = new Inbox();
    this.#outbox = new Outbox(this.#bound);
    const bound = { ...this.#bound };
    // What was taken stays, even if the server's limits came down since.
    this.#bound.messages = this.#bound.bytes = Infinity;
    for (const { n, data, bytes } of old.entries()) {
      if (n <= old.sent) lost.push(data);
      else this.#outbox.push(data, bytes);
    }
    Object.assign(this.#bound, bound);
    const waiting: Delivery[] = [];
    for (const delivery of this.#deliveries) {
      if (delivery.n > old.sent) waiting.push({ ...delivery, n: delivery.n - old.sent });
      else
        delivery.reject(new ClientError('CLIENT_SESSION_LOST', 'deliver: the session was lost before it was handled'));
    }
    this.#deliveries = waiting;
    return lost;
  }

  /** For good. Answers everything that was never confirmed. */
  end(error: ClientError): readonly Payload[] {
    for (const { reject } of this.#deliveries) reject(error);
    this.#deliveries = [];
    const lost = Array.from(this.#outbox.entries(), ({ data }) => data);
    this.#outbox = new Outbox(this.#bound);
    return lost;
  }

  /** Believing more would make messages pass for arrived that never left. */
  #expectSent(n: number): void {
    const { sent } = this.#outbox;
    if (n > sent) throw new ProtocolError(`ack: expected at most ${sent}, the last that was sent, got ${n}`);
  }
}
