/**
 * When a client comes back (PROTOCOL.md, "Reconnecting"). Pure: randomness is passed in, uniform in [0, 1). The jitter
 * comes after every cap: a capped jitter lets all clients knock at the same instant.
 */

export const STABLE_AFTER_MS = 5000;
const MIN_FIRST_MS = 250;
const MAX_WINDOW_MS = 120_000;
const MAX_BACKOFF_MS = 15_000;
const BASE_BACKOFF_MS = 1000;
const BACKOFF_FACTOR = 1.6;
const MAX_PROMPT_MS = 2000;

/** After an unclean loss of a stable connection. `windowMs` is the last pacing window that was heard. */
export function firstDelayMs(windowMs: number, random: number): number {
  return random * Math.min(MAX_WINDOW_MS, Math.max(MIN_FIRST_MS, windowMs));
}

/** After failed try `attempt`, from 1. */
export function retryDelayMs(attempt: number, windowMs: number, random: number): number {
  const backoffMs = Math.min(MAX_BACKOFF_MS, BASE_BACKOFF_MS * BACKOFF_FACTOR ** attempt);
  return random * Math.max(Math.min(MAX_WINDOW_MS, windowMs), backoffMs);
}

/** When something says that it will work now: online, awake, visible. */
export function promptDelayMs(windowMs: number, random: number): number {
  return random * Math.min(windowMs, MAX_PROMPT_MS);
}

/** Counts tries. One per client; tells how long to wait before the next. */
export class ReconnectSchedule {
  windowMs = 0;
  #attempt = 0;
  #openedAt: number | undefined;

  /** Number of the try that comes next, after the last stable connection; 0 before anything was lost. */
  get attempt(): number {
    return this.#attempt;
  }

  /** A connection was welcomed. */
  opened(nowMs: number): void {
    this.#openedAt = nowMs;
  }

  /** A connection, or a try at one, ended. Answers the delay before the next try. */
  lost(nowMs: number, random: number): number {
    const openedAt = this.#openedAt;
    this.#openedAt = undefined;
    if (openedAt !== undefined && nowMs - openedAt >= STABLE_AFTER_MS) this.#attempt = 0;
    // The first loss of all is a first one too, however young the connection was: nothing has failed yet.
    if (this.#attempt === 0 && openedAt !== undefined) {
      this.#attempt = 1;
      return firstDelayMs(this.windowMs, random);
    }
    return this.failed(random);
  }

  /** A try failed while another connection still stands (goaway), or none does. Answers the delay before the next. */
  failed(random: number): number {
    const failed = Math.max(1, this.#attempt);
    this.#attempt = failed + 1;
    return retryDelayMs(failed, this.windowMs, random);
  }
}
