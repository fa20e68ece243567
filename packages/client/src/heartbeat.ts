/**
 * Is this connection alive? One timer, which looks at when something was last heard; nothing is cleared or armed per message.
 * Browsers hold timers back in hidden tabs and stop them in sleep, so a timer that comes late proves nothing: the
 * connection is asked then, and given up only when it does not answer.
 */
import { PING } from '@holdfast/protocol';
import * as CloseCode from '@holdfast/protocol/close-codes';
import { MAX_TIMER_MS } from './options.js';

/** Timers of a page that is shown are not this late, unless it slept. */
const LATE_MS = 1500;

/** The connection, as its heartbeat sees it. */
interface Watched {
  send(frame: string): void;
  end(code: number, reason: string): void;
}

export class Heartbeat {
  readonly #connection: Watched;
  /** How long the other end may be silent. */
  readonly #quietMs: number;
  readonly #probeTimeoutMs: number;
  #heardAt = Date.now();
  #dueAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(connection: Watched, quietMs: number, probeTimeoutMs: number) {
    this.#connection = connection;
    this.#quietMs = Math.min(MAX_TIMER_MS, quietMs);
    this.#probeTimeoutMs = probeTimeoutMs;
    this.#arm(this.#quietMs);
  }

  heard(): void {
    this.#heardAt = Date.now();
  }

  /** Ask now, and wait for any word at all. */
  probe(): void {
    clearTimeout(this.#timer);
    this.#heardAt = 0;
    this.#timer = setTimeout(() => {
      if (this.#heardAt === 0) this.#giveUp(this.#probeTimeoutMs);
      else this.#arm(this.#quietMs);
    }, this.#probeTimeoutMs);
    this.#connection.send(PING);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #arm(delayMs: number): void {
    this.#dueAt = Date.now() + delayMs;
    this.#timer = setTimeout(() => this.#look(), delayMs);
  }

  #look(): void {
    const now = Date.now();
    const quietMs = now - this.#heardAt;
    if (quietMs >= 0 && quietMs < this.#quietMs) this.#arm(this.#quietMs - quietMs);
    // Late, or the clock was set back: trust nothing.
    else if (quietMs < 0 || now - this.#dueAt > LATE_MS) this.probe();
    else this.#giveUp(quietMs);
  }

  #giveUp(quietMs: number): void {
    this.#connection.end(CloseCode.Stale, `nothing heard for ${quietMs} ms`);
  }
}
