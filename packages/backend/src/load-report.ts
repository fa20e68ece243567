/** What workers are told of this backend's load: once a second at most, and only when it changed by more than 5 %. */

export interface Load {
  readonly sessions: number;
  readonly lagMs: number;
  /** Share of its configured weight that it wants: none when it drains. */
  readonly weight: number;
}

const EVERY_MS = 1000;
const NOTABLE = 0.05;
/** Below this a lag is noise of the timer. */
const NOTABLE_LAG_MS = 10;

export class LoadReport {
  #told: Load | undefined;
  #toldAtMs = -Infinity;
  #maxLagMs = 0;

  /** Called with each tick: how late it was. */
  observe(lagMs: number): void {
    this.#maxLagMs = Math.max(this.#maxLagMs, lagMs);
  }

  /** What is to be told now; undefined: nothing. */
  next(nowMs: number, sessions: number, isDraining: boolean): Load | undefined {
    const weight = isDraining ? 0 : 1;
    const isUrgent = weight !== this.#told?.weight;
    if (!isUrgent && nowMs - this.#toldAtMs < EVERY_MS) return undefined;
    const load = { sessions, lagMs: Math.round(this.#maxLagMs), weight };
    this.#maxLagMs = 0;
    this.#toldAtMs = nowMs;
    if (!isUrgent && this.#told !== undefined && !hasChanged(this.#told, load)) return undefined;
    this.#told = load;
    return load;
  }

  /** For a worker that has just come. */
  current(sessions: number): Load {
    return { sessions, lagMs: this.#told?.lagMs ?? 0, weight: this.#told?.weight ?? 1 };
  }
}

function hasChanged(told: Load, now: Load): boolean {
  if (Math.abs(now.sessions - told.sessions) > told.sessions * NOTABLE) return true;
  return Math.abs(now.lagMs - told.lagMs) > Math.max(NOTABLE_LAG_MS, told.lagMs * NOTABLE);
}
