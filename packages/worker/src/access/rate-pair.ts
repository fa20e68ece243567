/**
 * Two token buckets, of messages and of their bytes, for one client or for all who share them. Which of the limits it is that was
 * exceeded is the operator's to know (a bound of its own for each); the client is told only what it did too much of.
 */
import { MessageRate } from '../relay/rate.js';

export type SharedBy = 'address' | 'principal' | 'route';
export type RateName = `${'messages' | 'bytes'}_per_second${'' | `_per_${SharedBy}`}`;

/** 0: no limit. */
export interface PerSecond {
  readonly messages: number;
  readonly bytes: number;
}

interface Names {
  readonly messages: RateName;
  readonly bytes: RateName;
}

const NAMES: Readonly<Record<SharedBy | 'client', Names>> = {
  client: { messages: 'messages_per_second', bytes: 'bytes_per_second' },
  address: { messages: 'messages_per_second_per_address', bytes: 'bytes_per_second_per_address' },
  principal: { messages: 'messages_per_second_per_principal', bytes: 'bytes_per_second_per_principal' },
  route: { messages: 'messages_per_second_per_route', bytes: 'bytes_per_second_per_route' },
};

export class RatePair {
  readonly #names: Names;
  #messages: MessageRate | undefined;
  #bytes: MessageRate | undefined;

  constructor(of: SharedBy | 'client', { messages, bytes }: PerSecond, nowMs: number) {
    this.#names = NAMES[of];
    this.#messages = messages > 0 ? new MessageRate(messages, nowMs) : undefined;
    this.#bytes = bytes > 0 ? new MessageRate(bytes, nowMs) : undefined;
  }

  /** A message of so many bytes came. undefined: within both. */
  exceeded(bytes: number, nowMs: number): RateName | undefined {
    if (this.#messages?.take(nowMs) === false) return this.#names.messages;
    return this.#bytes?.spend(nowMs, bytes) === false ? this.#names.bytes : undefined;
  }

  change({ messages, bytes }: PerSecond, nowMs: number): void {
    this.#messages = changed(this.#messages, messages, nowMs);
    this.#bytes = changed(this.#bytes, bytes, nowMs);
  }

  isFull(nowMs: number): boolean {
    return this.#messages?.isFull(nowMs) !== false && this.#bytes?.isFull(nowMs) !== false;
  }
}

/** What its sender is told. */
export function rateReason(name: RateName): string {
  return name.startsWith('messages') ? 'too many messages per second' : 'too many bytes per second';
}

function changed(rate: MessageRate | undefined, perSecond: number, nowMs: number): MessageRate | undefined {
  if (perSecond === 0) return undefined;
  if (rate === undefined) return new MessageRate(perSecond, nowMs);
  rate.change(perSecond);
  return rate;
}
