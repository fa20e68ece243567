/**
 * Knows when this process was last awake. One that was stopped for longer than its trunks may be silent must not act on what
 * it finds in its sockets: its backends have given its sessions to somebody else by then. Whoever is about to read or
 * write asks first; whoever notices, notices for all trunks.
 */
import { TRUNK_STALE_MS } from './heartbeat.js';

export class TrunkClock {
  readonly #onPause: () => void;
  #tickedAtMs: number = performance.now();

  /** @param onPause is to cut every trunk; called before anything is read or written after a pause. */
  constructor(onPause: () => void) {
    this.#onPause = onPause;
  }

  /** Called by a timer several times per stale period. Was the process paused? */
  tick(nowMs: number): boolean {
    const wasPaused = this.wasPaused(nowMs);
    this.#tickedAtMs = nowMs;
    return wasPaused;
  }

  /** True: the trunks were cut by now. */
  wasPaused(nowMs: number): boolean {
    if (nowMs - this.#tickedAtMs <= TRUNK_STALE_MS) return false;
    this.#tickedAtMs = nowMs;
    this.#onPause();
    return true;
  }
}
