/**
 * How hard pressed a worker is, from how much of its memory is used and how late its event loop was. Pure.
 *
 *   0  fine
 *   1  idle connections are found out in half the time
 *   2  and new clients are refused; those who resume come in
 *   3  and what waits for the slowest is thrown away, with their connections
 *
 * Memory counts at once. One long task is no overload, so lag counts when it lasts, and never up to 3: closing connections does
 * not make an event loop faster. Levels are left one by one and well below where they begin, or a worker would swing.
 */
export type OverloadLevel = 0 | 1 | 2 | 3;

export interface PressureSample {
  /** Share of what there may be; 0 where there is no limit. */
  readonly memory: number;
  /** In units of the lag that is still fine; 0 where none is set. */
  readonly lag: number;
}

export interface Pressure {
  readonly level: OverloadLevel;
  /** Lags of the last samples, newest first. */
  readonly lags: readonly number[];
  /** Samples in a row that were good enough for a lower level. */
  readonly calm: number;
}

export const NO_PRESSURE: Pressure = { level: 0, lags: [], calm: 0 };

const MEMORY_LEVELS = [0.8, 0.9, 0.95] as const;
const LAG_LEVELS = [1, 2] as const;
const LAG_LASTS_SAMPLES = 3;
/** Below where a level begins. */
const MEMORY_MARGIN = 0.05;
const LAG_MARGIN = 0.25;
const CALM_SAMPLES = 5;

/** One sample per second. */
export function nextPressure({ level, lags, calm }: Pressure, { memory, lag }: PressureSample): Pressure {
  const recent = [lag, ...lags].slice(0, LAG_LASTS_SAMPLES);
  const lasting = recent.length < LAG_LASTS_SAMPLES ? 0 : Math.min(...recent);
  const asked = levelOf(memory, lasting);
  if (asked > level) return { level: asked, lags: recent, calm: 0 };
  const isCalm = level > 0 && levelOf(memory + MEMORY_MARGIN, lag + LAG_MARGIN) < level;
  if (!isCalm) return { level, lags: recent, calm: 0 };
  if (calm + 1 < CALM_SAMPLES) return { level, lags: recent, calm: calm + 1 };
  return { level: (level - 1) as OverloadLevel, lags: recent, calm: 0 };
}

export function isMemoryShort({ memory }: PressureSample): boolean {
  return memory >= MEMORY_LEVELS[2];
}

function levelOf(memory: number, lag: number): OverloadLevel {
  const byMemory = MEMORY_LEVELS.filter((from) => memory >= from).length;
  const byLag = LAG_LEVELS.filter((from) => lag >= from).length;
  return Math.max(byMemory, byLag) as OverloadLevel;
}
