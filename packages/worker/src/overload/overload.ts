/**
 * Looks at this worker's memory and event loop once per second, and does what the level (level.ts) asks for. Under pressure the
 * cheapest comes first: what nobody would miss, then those who are not here yet, and only then those who are.
 */
import type { OverloadConfig } from '../config-capacity.js';
import { controlGroupLimit } from './memory-limit.js';
import { isMemoryShort, NO_PRESSURE, nextPressure, type OverloadLevel } from './level.js';

export interface OverloadDeps {
  readonly config: () => OverloadConfig;
  /** Longest delay of the event loop within the last second. */
  readonly lagMs: () => number;
  /** Workers that share this machine's memory. */
  readonly workers: () => number;
  readonly onLevel: (level: OverloadLevel) => void;
  /** Called each second in which memory is as short as level 3 says. */
  readonly shed: () => void;
  readonly log: { warn(fields: object, message: string): void; info(fields: object, message: string): void };
  /** @default of this process */
  readonly rssBytes?: () => number;
}

const LOOK_EVERY_MS = 1000;

export class Overload {
  readonly #deps: OverloadDeps;
  readonly #timer: NodeJS.Timeout;
  readonly #groupBytes = controlGroupLimit();
  #pressure = NO_PRESSURE;

  constructor(deps: OverloadDeps) {
    this.#deps = deps;
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
    this.#timer.unref();
  }

  get level(): OverloadLevel {
    return this.#pressure.level;
  }

  /** 0: none. */
  get memoryLimitBytes(): number {
    const { config, workers } = this.#deps;
    const { memoryBytes } = config();
    if (memoryBytes > 0) return memoryBytes;
    return this.#groupBytes === undefined ? 0 : this.#groupBytes / Math.max(1, workers());
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const { config, lagMs, onLevel, shed, log, rssBytes = process.memoryUsage.rss } = this.#deps;
    const { eventLoopLagMs } = config();
    const { memoryLimitBytes: limit } = this;
    const [rss, lag] = [rssBytes(), lagMs()];
    const before = this.level;
    const sample = { memory: limit > 0 ? rss / limit : 0, lag: eventLoopLagMs > 0 ? lag / eventLoopLagMs : 0 };
    this.#pressure = nextPressure(this.#pressure, sample);
    const { level } = this;
    if (level !== before) {
      const fields = { level, before, rssBytes: rss, memoryLimitBytes: limit, eventLoopLagMs: lag };
      if (level > before) log.warn(fields, 'under pressure');
      else log.info(fields, 'less pressure');
      onLevel(level);
    }
    // Not for as long as the level lasts: that is left late, and what was let go may have been enough.
    if (isMemoryShort(sample)) shed();
  }
}
