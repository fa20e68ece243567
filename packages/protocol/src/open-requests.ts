/**
 * Questions to the other end of a trunk that wait for their answer, by reference number. Bounded, and given up after REQUEST_TIMEOUT_MS by
 * one sweep for all. An answer that does not come is a value like any other: nobody knows whether the request took effect.
 */
import { MAX_OPEN_REQUESTS, REQUEST_TIMEOUT_MS } from './limits.js';
import type { ResultBody } from './topic-result.js';

export type Answer =
  ResultBody | { readonly ok: false; readonly error: 'timeout' | 'lost' | 'tooMany'; readonly retryable: true };

interface Pending {
  readonly resolve: (answer: Answer) => void;
  readonly deadlineMs: number;
}

export class OpenRequests {
  readonly #pending = new Map<number, Pending>();
  #lastRef = 0;

  /** `send` is called with the reference number, unless too many are open already. */
  ask(send: (ref: number) => void, nowMs: number): Promise<Answer> {
    if (this.#pending.size >= MAX_OPEN_REQUESTS) {
      return Promise.resolve({ ok: false, error: 'tooMany', retryable: true });
    }
    this.#lastRef += 1;
    const ref = this.#lastRef;
    return new Promise((resolve) => {
      this.#pending.set(ref, { resolve, deadlineMs: nowMs + REQUEST_TIMEOUT_MS });
      send(ref);
    });
  }

  /** One that nobody waits for any more is ignored. */
  settle(result: ResultBody): void {
    const pending = this.#pending.get(result.ref);
    if (pending === undefined) return;
    this.#pending.delete(result.ref);
    pending.resolve(result);
  }

  /** In the order of asking, so the first that has time left ends the sweep. */
  sweep(nowMs: number): void {
    for (const [ref, { resolve, deadlineMs }] of this.#pending) {
      if (deadlineMs > nowMs) return;
      this.#pending.delete(ref);
      resolve({ ok: false, error: 'timeout', retryable: true });
    }
  }

  failAll(): void {
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { resolve } of pending) resolve({ ok: false, error: 'lost', retryable: true });
  }
}
