/**
 * Passive ejection: what real traffic tells about one backend. Pure: reports of workers and the passing of time go in,
 * the next state comes out; whether the pool can spare the backend is the caller's to say. Each further ejection
 * is twice as long, and each `baseEjectionMs` of good service afterwards forgives one of them: a backend that is broken
 * for good is tried rarely, and one bad night is not held against it.
 */
import type { BackendOutcome, OutlierConfig } from '@holdfast/worker';

export type OutlierState =
  /** `level`: ejections not forgiven when it came back at `since`. `streak`: failures in a row, all workers together. */
  | { readonly name: 'watched'; readonly streak: number; readonly level: number; readonly since: number }
  /** `level` counts this ejection too. */
  | { readonly name: 'ejected'; readonly until: number; readonly level: number; readonly streak: number };

export const WATCHED: OutlierState = { name: 'watched', streak: 0, level: 0, since: 0 };

export interface OutlierContext {
  readonly config: OutlierConfig;
  readonly nowMs: number;
  /** Asked only when there is a reason to eject. */
  readonly mayEject: () => boolean;
}

type Counts = Pick<BackendOutcome, 'successes' | 'failures' | 'streak'>;

export function recordOutcome(state: OutlierState, outcome: Counts, context: OutlierContext): OutlierState {
  // What comes in during an ejection are connections from before it, or stickiness in panic: no news.
  if (state.name === 'ejected') return state;
  const streak = outcome.successes > 0 ? outcome.streak : state.streak + outcome.failures;
  const { config, nowMs } = context;
  const isOutlier = config.consecutiveFailures > 0 && streak >= config.consecutiveFailures;
  // A spared one keeps its streak, and is ejected once the pool can do without it if it still fails then.
  if (!isOutlier || !context.mayEject()) return { ...state, streak };
  const level = forgiven(state.level, nowMs - state.since, config) + 1;
  return { name: 'ejected', until: nowMs + ejectionMs(level, config), level, streak };
}

/** Ends an ejection whose time has come. */
export function releaseIfDue(state: OutlierState, nowMs: number): OutlierState {
  if (state.name === 'watched' || state.until > nowMs) return state;
  return { name: 'watched', streak: 0, level: state.level, since: nowMs };
}

/** May one more of a pool's backends be ejected? `usableOthers`: those that take new work without it. */
export function canSpareOne(
  pool: { total: number; ejected: number; usableOthers: number },
  config: OutlierConfig,
): boolean {
  const most = Math.max(1, Math.floor((pool.total * config.maxEjectedPercent) / 100));
  return pool.ejected < most && pool.usableOthers > 0;
}

function ejectionMs(level: number, { baseEjectionMs, maxEjectionMs }: OutlierConfig): number {
  return Math.min(maxEjectionMs, baseEjectionMs * 2 ** (level - 1));
}

function forgiven(level: number, servedMs: number, { baseEjectionMs }: OutlierConfig): number {
  const steps = baseEjectionMs > 0 ? Math.floor(Math.max(0, servedMs) / baseEjectionMs) : level;
  return Math.max(0, level - steps);
}
