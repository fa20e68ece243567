/**
 * The rates that clients of this worker have in common: all of one address, of one principal, of one route. A bucket comes with
 * the first connection that needs it and is handed to each, so that a message finds it without looking; it goes when the
 * last one has left and it is full again, or whoever reconnects would have a new one each time. Per worker, not per machine as
 * the limits of who comes in: a question to the supervisor for each message would cost more than the message.
 */
import type { RouteLimits } from '../config.js';
import { type PerSecond, RatePair, type SharedBy } from './rate-pair.js';

/** Buckets of one connection, until it gives them back. */
export interface HeldRates {
  readonly pairs: readonly RatePair[];
  release(): void;
}

interface SharedRate {
  readonly key: string;
  readonly pair: RatePair;
  users: number;
  /** Since when it has none. */
  leftAtMs: number;
}

/** Longer than any bucket takes to fill, but for one that owes for a very large message. */
const KEPT_MS = 10_000;
/** Of buckets that nobody uses; the others are as many as connections, three for each at most. */
const MAX_LEFT = 10_000;

export class SharedRates {
  readonly #rates = new Map<string, SharedRate>();
  /** Without users and not yet full, longest left first. */
  readonly #left = new Set<SharedRate>();
  readonly #onBound: () => void;

  /** @param onBound a bucket was forgotten before its time. */
  constructor(onBound: () => void) {
    this.#onBound = onBound;
  }

  get size(): number {
    return this.#rates.size;
  }

  /** undefined: this route has no such limit. @param key whose, among those of the route. */
  hold(
    { name, limits }: { readonly name: string; readonly limits: RouteLimits },
    sharers: readonly (readonly [by: SharedBy, key: string])[],
  ): HeldRates | undefined {
    const nowMs = performance.now();
    const held = sharers.flatMap(([by, key]) => {
      const limit = sharedLimit(limits, by);
      return limit === undefined ? [] : [this.#take(by, { key: `${by}\n${name}\n${key}`, limit, nowMs })];
    });
    if (held.length === 0) return undefined;
    return new Held(held, this.#release);
  }

  #take(
    by: SharedBy,
    { key, limit, nowMs }: { readonly key: string; readonly limit: PerSecond; readonly nowMs: number },
  ): SharedRate {
    this.#forget(nowMs);
    let rate = this.#rates.get(key);
    if (rate === undefined) {
      rate = { key, pair: new RatePair(by, limit, nowMs), users: 0, leftAtMs: 0 };
      this.#rates.set(key, rate);
    } else {
      // Who came before a reload has the same bucket, and so the limits of who came after it.
      rate.pair.change(limit, nowMs);
      this.#left.delete(rate);
    }
    rate.users += 1;
    return rate;
  }

  readonly #release = (held: readonly SharedRate[]): void => {
    const nowMs = performance.now();
    for (const rate of held) {
      rate.users -= 1;
      if (rate.users > 0) continue;
      rate.leftAtMs = nowMs;
      if (rate.pair.isFull(nowMs)) this.#rates.delete(rate.key);
      else this.#left.add(rate);
    }
    this.#forget(nowMs);
  };

  #forget(nowMs: number): void {
    for (const rate of this.#left) {
      const isOver = nowMs - rate.leftAtMs >= KEPT_MS;
      if (!isOver && this.#left.size <= MAX_LEFT) return;
      if (!isOver) this.#onBound();
      this.#left.delete(rate);
      this.#rates.delete(rate.key);
    }
  }
}

/** Kept as long as its connection: a closure would keep the whole call that took them. */
class Held implements HeldRates {
  readonly pairs: readonly RatePair[];
  readonly #held: readonly SharedRate[];
  readonly #release: (held: readonly SharedRate[]) => void;

  constructor(held: readonly SharedRate[], release: (held: readonly SharedRate[]) => void) {
    this.pairs = held.map(({ pair }) => pair);
    this.#held = held;
    this.#release = release;
  }

  release(): void {
    this.#release(this.#held);
  }
}

function sharedLimit(limits: RouteLimits, by: SharedBy): PerSecond | undefined {
  const limit = {
    address: { messages: limits.messagesPerSecondPerAddress, bytes: limits.bytesPerSecondPerAddress },
    principal: { messages: limits.messagesPerSecondPerPrincipal, bytes: limits.bytesPerSecondPerPrincipal },
    route: { messages: limits.messagesPerSecondPerRoute, bytes: limits.bytesPerSecondPerRoute },
  }[by];
  return limit.messages > 0 || limit.bytes > 0 ? limit : undefined;
}
