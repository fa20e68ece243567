/**
 * The numbers of a session and what they mean for its messages: what is kept, what is to be sent again, who waits for
 * which message to be handled, what is lost when the session is. No I/O: frames in, frames out. Not the protocol's
 * Outbox, which hands over from one owner to the next: a client keeps little, and for itself alone.
 */
import {
  type Bound,
  type ClientCounters,
  encodeAck,
  encodeBinary,
  encodeText,
  Inbox,
  type LostRange,
  ProtocolError,
  unexpected,
} from '@holdfast/protocol';
import * as CloseCode from '@holdfast/protocol/close-codes';
import { ClientError, mismatch } from './errors.js';
import type { Payload } from './payload.js';

/** Who waits for a message to be handled. */
export interface Delivery {
  readonly resolve: () => void;
  readonly reject: (error: ClientError) => void;
}

interface Kept {
  readonly data: Payload;
  readonly bytes: number;
  readonly delivery: Delivery | undefined;
}

export class Exchange {
  readonly #wanted: Bound;
  #bound: Bound;
  /** Oldest first; the first has the number `#lowest`. */
  #kept: Kept[] = [];
  #bytes = 0;
  #lowest = 1;
  /** Number of the next that is to be sent. */
  #next = 1;
  /** Highest number that was ever sent. */
  #sent = 0;
  /** The other direction. A reset brings another. */
  inbox: Inbox = new Inbox();

  constructor(bound: Bound) {
    this.#wanted = this.#bound = bound;
  }

  get isFull(): boolean {
    return this.length >= this.#bound.messages || this.#bytes >= this.#bound.bytes;
  }

  get length(): number {
    return this.#kept.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get counters(): ClientCounters {
    return { received: this.inbox.last, lowest: this.#lowest, sent: this.#sent };
  }

  /** The server's limits apply where they are lower. 0 cannot be meant: nothing could ever be sent. */
  limit({ messages, bytes }: Bound): void {
    this.#bound = {
      messages: Math.min(this.#wanted.messages, messages || Infinity),
      bytes: Math.min(this.#wanted.bytes, bytes || Infinity),
    };
  }

  /** False: there is no room. One message may pass the bound of bytes, so that any size can be sent. */
  push(data: Payload, bytes: number, delivery?: Delivery): boolean {
    if (this.isFull) return false;
    this.#kept.push({ data, bytes, delivery });
    this.#bytes += bytes;
    return true;
  }

  /** The next frame to send, if any; it counts as sent, and carries our acknowledgement. */
  takeFrame(): Payload | undefined {
    const n = this.#next;
    const kept = this.#kept[n - this.#lowest];
    if (!kept) return undefined;
    this.#next += 1;
    this.#sent = Math.max(this.#sent, n);
    const ack = this.#takeAck();
    return typeof kept.data === 'string' ? encodeText(n, ack, kept.data) : encodeBinary(n, ack, kept.data);
  }

  takeAck(): string {
    return encodeAck(this.#takeAck());
  }

  /** Is it a message that we did not have yet? */
  accept(n: number, bytes: number): boolean {
    const arrival = this.inbox.accept(n, bytes);
    if (arrival === 'gap') {
      throw new ProtocolError(mismatch('message', this.inbox.last + 1, n), CloseCode.SequenceGap);
    }
    return arrival === 'deliver';
  }

  /** Everything up to `n` is handled. */
  acknowledge(n: number): void {
    this.#expectSent(n);
    for (const { delivery } of this.#forget(n)) delivery?.resolve();
    this.#next = Math.max(this.#next, this.#lowest);
  }

  /** Another connection, or another backend, has the session. Without numbers: it knows nothing of what we keep. */
  resume(handled = 0, received = 0, lost?: LostRange): void {
    this.#expectSent(received);
    this.acknowledge(handled);
    this.#next = Math.max(this.#lowest, received + 1);
    const { last } = this.inbox;
    // What is gone will not come: the next message has the number behind it.
    if (lost?.to && lost.from <= last + 1 && lost.to > last) this.inbox = new Inbox(lost.to);
  }

  /** The session is lost. Answers what was sent and never confirmed; what was never sent gets numbers of the next session. */
  reset(): readonly Payload[] {
    const error = new ClientError('CLIENT_SESSION_LOST', 'the session is lost');
    const lost = this.#lose(this.#sent, error);
    this.inbox = new Inbox();
    this.#lowest = this.#next = 1;
    this.#sent = 0;
    return lost;
  }

  /** For good. Answers everything that was never confirmed. */
  end(error: ClientError): readonly Payload[] {
    return this.#lose(Infinity, error);
  }

  #lose(n: number, error: ClientError): readonly Payload[] {
    return this.#forget(n).map(({ data, delivery }) => {
      delivery?.reject(error);
      return data;
    });
  }

  /** Answers what was kept up to `n`. */
  #forget(n: number): readonly Kept[] {
    const gone = this.#kept.splice(0, Math.max(0, n + 1 - this.#lowest));
    for (const { bytes } of gone) this.#bytes -= bytes;
    this.#lowest += gone.length;
    return gone;
  }

  #takeAck(): number {
    const { last } = this.inbox;
    this.inbox.markAcknowledged(last);
    return last;
  }

  /** Believing more would make messages pass for arrived that never left. */
  #expectSent(n: number): void {
    if (n > this.#sent) throw unexpected('ack', `at most ${this.#sent}`, n);
  }
}
