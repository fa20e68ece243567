/**
 * How many messages, and how many bytes of them, one client may send per second: by itself, and together with those who have its
 * address, its principal or its route. Nobody pays for what is not limited: most clients have none of these objects.
 */
import type { RouteLimits } from '../config.js';
import { type RateName, RatePair } from './rate-pair.js';

export class ClientRates {
  readonly #pairs: readonly RatePair[];

  constructor(pairs: readonly RatePair[]) {
    this.#pairs = pairs;
  }

  /** A message of so many bytes came. undefined: within all of them. */
  exceeded(bytes: number, nowMs: number): RateName | undefined {
    for (const pair of this.#pairs) {
      const name = pair.exceeded(bytes, nowMs);
      if (name !== undefined) return name;
    }
    return undefined;
  }

  with(pairs: readonly RatePair[]): ClientRates {
    return new ClientRates([...this.#pairs, ...pairs]);
  }
}

/** undefined: as much as it likes. */
export function clientRates(
  { messagesPerSecond: messages, bytesPerSecond: bytes }: RouteLimits,
  nowMs: number,
): ClientRates | undefined {
  return messages > 0 || bytes > 0 ? new ClientRates([new RatePair('client', { messages, bytes }, nowMs)]) : undefined;
}

export function withShared(rates: ClientRates | undefined, shared: readonly RatePair[]): ClientRates | undefined {
  if (shared.length === 0) return rates;
  return rates === undefined ? new ClientRates(shared) : rates.with(shared);
}
