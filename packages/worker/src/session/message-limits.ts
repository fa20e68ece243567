/** How large and how frequent a client's messages may be, and what breaking that means. Pure but for its own bucket. */
import { CloseCode, MAX_DATA_HEADER_BYTES } from '@holdfast/protocol';
import type { RouteLimits } from '../config.js';
import type { BoundName } from '../observe/traffic.js';
import { MessageRate } from '../relay/rate.js';

export interface Breach {
  readonly bound: BoundName;
  readonly code: number;
  readonly reason: string;
}

const TOO_BIG: Breach = { bound: 'message_bytes', code: CloseCode.MessageTooBig, reason: 'message too big' };
const TOO_MANY: Breach = {
  bound: 'messages_per_second',
  code: CloseCode.PolicyViolation,
  reason: 'too many messages per second',
};

export class MessageLimits {
  readonly #headerBytes: number;
  readonly #messageBytes: number;
  readonly #rate: MessageRate | undefined;
  #frameBytes: number;

  constructor({ messageBytes, messagesPerSecond }: RouteLimits, isPlain: boolean) {
    // The numbers in front of a message are not the application's.
    this.#headerBytes = isPlain ? 0 : MAX_DATA_HEADER_BYTES;
    this.#messageBytes = messageBytes;
    this.#frameBytes = messageBytes + this.#headerBytes;
    this.#rate = messagesPerSecond > 0 ? new MessageRate(messagesPerSecond, performance.now()) : undefined;
  }

  /** Largest data frame. */
  get frameBytes(): number {
    return this.#frameBytes;
  }

  /** The backend of the moment takes no larger ones. */
  setBackend(messageBytes: number): void {
    this.#frameBytes = Math.min(this.#messageBytes, messageBytes) + this.#headerBytes;
  }

  /** A data frame of so many bytes came. */
  judge(bytes: number): Breach | undefined {
    if (bytes > this.#frameBytes) return TOO_BIG;
    return this.#rate?.take(performance.now()) === false ? TOO_MANY : undefined;
  }
}
