/** How many messages, and how many bytes of them, one client may send per second. Two token buckets, no timer. */
import type { RouteLimits } from '../config.js';
import { MessageRate } from '../relay/rate.js';

export type RateName = 'messages_per_second' | 'bytes_per_second';

export class ClientRates {
  readonly #messages: MessageRate | undefined;
  readonly #bytes: MessageRate | undefined;

  constructor({ messagesPerSecond, bytesPerSecond }: RouteLimits, nowMs: number) {
    this.#messages = messagesPerSecond > 0 ? new MessageRate(messagesPerSecond, nowMs) : undefined;
    this.#bytes = bytesPerSecond > 0 ? new MessageRate(bytesPerSecond, nowMs) : undefined;
  }

  /** A message of so many bytes came. undefined: within both. */
  exceeded(bytes: number, nowMs: number): RateName | undefined {
    if (this.#messages?.take(nowMs) === false) return 'messages_per_second';
    return this.#bytes?.spend(nowMs, bytes) === false ? 'bytes_per_second' : undefined;
  }
}

/** What its sender is told. */
export const RATE_REASONS: Readonly<Record<RateName, string>> = {
  messages_per_second: 'too many messages per second',
  bytes_per_second: 'too many bytes per second',
};

/** undefined: as much as it likes. */
export function clientRates(limits: RouteLimits, nowMs: number): ClientRates | undefined {
  return limits.messagesPerSecond > 0 || limits.bytesPerSecond > 0 ? new ClientRates(limits, nowMs) : undefined;
}
