/**
 * The sending half of a numbered direction, which one owner may take over from another: numbers messages, keeps them until
 * they are acknowledged, and says what is to be sent. Bounded by messages and bytes. A ring would save the shifting, but
 * an array with a moving head costs nothing while a session is idle, which most are. (Clients, whose bytes are counted,
 * have a smaller one of their own.)
 */
import type { Bound } from './limits.js';
import { ProtocolError } from './protocol-error.js';

interface Kept<T> {
  readonly data: T;
  readonly bytes: number;
}

export class Outbox<T> {
  readonly #bound: Bound;
  #kept: (Kept<T> | undefined)[] = [];
  /** Index of the oldest in `#kept`. */
  #head = 0;
  /** Number of the oldest that is kept, or of the next one when none is. */
  #lowest: number;
  /** Number of the next that is to be sent. */
  #next: number;
  #bytes = 0;
  #sent: number;

  /** @param last number of the last message before this outbox took over. */
  constructor(bound: Bound, last = 0) {
    this.#bound = bound;
    this.#lowest = this.#next = last + 1;
    this.#sent = last;
  }

  /** Highest number given out. */
  get last(): number {
    return this.#lowest + this.length - 1;
  }

  /** Lowest number that is not acknowledged; `last + 1` when all are. */
  get lowest(): number {
    return this.#lowest;
  }

  /** Highest number that was ever handed to a connection. */
  get sent(): number {
    return this.#sent;
  }

  get length(): number {
    return this.#kept.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isFull(): boolean {
    return this.length >= this.#bound.messages || this.#bytes >= this.#bound.bytes;
  }

  get hasUnsent(): boolean {
    return this.#next <= this.last;
  }

  /** Takes a message; answers its number, or 0 when the bound is reached. One message may pass the byte bound, so that any size can be sent. */
  push(data: T, bytes: number): number {
    if (this.isFull) return 0;
    this.#kept.push({ data, bytes });
    this.#bytes += bytes;
    return this.last;
  }

  /** Number of the next message to send; 0 when there is none. `peek` has its data, `markSent` moves on. */
  get nextToSend(): number {
    return this.hasUnsent ? this.#next : 0;
  }

  /** Data of a number that is kept. */
  peek(n: number): T {
    const kept = n < this.#lowest ? undefined : this.#kept[this.#head + n - this.#lowest];
    if (kept === undefined) throw new RangeError(`outbox: expected ${n} to be kept, it is not`);
    return kept.data;
  }

  markSent(): void {
    if (!this.hasUnsent) throw new RangeError(`outbox: expected ${this.#next} to be kept, it is not`);
    if (this.#next > this.#sent) this.#sent = this.#next;
    this.#next += 1;
  }

  /** The other end has everything up to `n`: forget it. Answers whether anything was. */
  acknowledge(n: number): boolean {
    if (n > this.last) throw new ProtocolError(`ack: expected at most ${this.last}, got ${n}`);
    if (n < this.#lowest) return false;
    for (; this.#lowest <= n; this.#lowest += 1) {
      this.#bytes -= (this.#kept[this.#head] as Kept<T>).bytes;
      this.#kept[this.#head] = undefined;
      this.#head += 1;
    }
    this.#markReceived(n);
    if (this.#next <= n) this.#next = n + 1;
    this.#compact();
    return true;
  }

  /** After a resume: the other end has received up to `received`; everything above is to be sent again. */
  rewind(received: number): void {
    const n = Math.min(received, this.last);
    this.#markReceived(n);
    this.#next = Math.max(this.#lowest, n + 1);
  }

  /** All that is kept, oldest first, with numbers. */
  *entries(): Generator<{ readonly n: number; readonly data: T; readonly bytes: number }> {
    for (let i = this.#head, n = this.#lowest; i < this.#kept.length; i += 1, n += 1) {
      const { data, bytes } = this.#kept[i] as Kept<T>;
      yield { n, data, bytes };
    }
  }
  /** What was received was sent, if not by this outbox then by the one whose tail it took over. */
  #markReceived(n: number): void {
    if (n > this.#sent) this.#sent = n;
  }

  #compact(): void {
    if (this.#head === this.#kept.length) this.#kept = [];
    else if (this.#head > 64 && this.#head * 2 > this.#kept.length) this.#kept = this.#kept.slice(this.#head);
    else return;
    this.#head = 0;
  }
}
