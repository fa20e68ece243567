/**
 * The receiving half of a numbered direction, for both ends: accepts each number once and in order, and knows when an
 * acknowledgement is due.
 */
import { ACK_AFTER } from './limits.js';

/** deliver: it is the next. repeat: had it; acknowledge again. gap: one is missing; close and resume. */
export type Arrival = 'deliver' | 'repeat' | 'gap';

export class Inbox {
  #last: number;
  #acknowledged: number;
  #bytes = 0;
  #isOwed = false;

  /** @param last number of the last message that was received before this inbox took over. */
  constructor(last = 0) {
    this.#last = this.#acknowledged = last;
  }

  /** Highest number received. */
  get last(): number {
    return this.#last;
  }

  /** A message arrived. */
  accept(n: number, bytes: number): Arrival {
    if (n <= this.#last) {
      this.#isOwed = true;
      return 'repeat';
    }
    if (n !== this.#last + 1) return 'gap';
    this.#last = n;
    this.#bytes += bytes;
    return 'deliver';
  }

  /** Is there anything that the other end should be told, within a second? */
  isAckOwed(upTo: number = this.#last): boolean {
    return this.#isOwed || upTo > this.#acknowledged;
  }

  /** Is it due now, without waiting for something to ride on? */
  isAckDue(upTo: number = this.#last): boolean {
    return (
      this.#isOwed ||
      upTo - this.#acknowledged >= ACK_AFTER.messages ||
      (this.#bytes >= ACK_AFTER.bytes && upTo > this.#acknowledged)
    );
  }

  /** An acknowledgement up to `n` was sent, by itself or on a data frame. */
  markAcknowledged(n: number): void {
    if (n > this.#acknowledged) this.#acknowledged = n;
    this.#bytes = 0;
    this.#isOwed = false;
  }
}
