/**
 * Closes connections one after the other, evenly over a window, by one timer. Those that are opened meanwhile are found and
 * closed too, and those that end by themselves are passed over.
 */
import { EvenPace, PACE_TICK_MS } from './even-pace.js';

export interface Closable {
  /** Closed, by whomever. */
  readonly isOver: boolean;
  close(code: number, reason: string): void;
}

export interface EvenClosingOptions {
  /** All that are open now. */
  readonly open: () => Iterable<Closable>;
  readonly windowMs: number;
  /** 0: whatever the window needs. */
  readonly perSecond: number;
  readonly code: number;
  readonly reason: string;
}

/** To look for newcomers means to look at everybody. */
const LOOK_EVERY_TICKS = 10;

export class EvenClosing {
  readonly #options: EvenClosingOptions;
  readonly #pace: EvenPace;
  readonly #queue = new Set<Closable>();
  readonly #timer: NodeJS.Timeout;
  #ticks = 0;

  constructor(options: EvenClosingOptions) {
    this.#options = options;
    const { windowMs, perSecond } = options;
    const count = this.#look();
    this.#pace = new EvenPace({ count, windowMs, perSecond, nowMs: performance.now() });
    this.#timer = setInterval(() => this.#tick(), PACE_TICK_MS);
    this.#tick();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    this.#ticks += 1;
    if (this.#ticks % LOOK_EVERY_TICKS === 0) this.#pace.add(this.#look());
    let budget = this.#pace.take(this.#queue.size, performance.now());
    const { code, reason } = this.#options;
    for (const connection of this.#queue) {
      if (budget === 0) return;
      this.#queue.delete(connection);
      if (connection.isOver) continue;
      budget -= 1;
      connection.close(code, reason);
    }
  }

  /** How many it had not seen before. */
  #look(): number {
    const before = this.#queue.size;
    for (const connection of this.#options.open()) if (!connection.isOver) this.#queue.add(connection);
    return this.#queue.size - before;
  }
}
