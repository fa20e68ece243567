/**
 * Keeps idle connections alive and finds the dead ones: one timer for all of a worker's connections, which looks at
 * each a few times per idle period. A timer per connection would cost memory and, after a pause of the process, fire
 * all at once.
 */

export interface KeptAlive {
  /** Called every tick with the coarse clock: ping, or close, as `judgeSilence` says. */
  onTick(nowMs: number): void;
}

/** How often connections are looked at; also the resolution of every idle limit. */
const TICK_MS = 500;

export class KeepAlive {
  /** Milliseconds on a monotonic clock, as of the last tick: a clock that costs a message nothing. */
  nowMs: number = performance.now();
  /** Of every idle limit: under pressure less, see overload/level.ts. */
  idleShare = 1;
  readonly #kept = new Set<KeptAlive>();
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  add(kept: KeptAlive): void {
    this.#kept.add(kept);
  }

  delete(kept: KeptAlive): void {
    this.#kept.delete(kept);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    this.nowMs = performance.now();
    for (const kept of this.#kept) kept.onTick(this.nowMs);
  }
}

export type Silence = 'fine' | 'ping' | 'stale';

/**
 * A peer that was heard within half the limit is fine; then it is asked once; silent for the whole limit, it is gone.
 * Most answer within the tick that they were asked in, so that both moments are one by the coarse clock.
 */
export function judgeSilence(nowMs: number, heardAt: number, pingedAt: number, limitMs: number): Silence {
  const silentMs = nowMs - heardAt;
  if (silentMs >= limitMs) return 'stale';
  return silentMs >= limitMs / 2 && pingedAt <= heardAt ? 'ping' : 'fine';
}
