/**
 * Who has more than its share, and how much of it is to go. Pure. Nothing moves while the fullest has at most MAX_RATIO times the
 * mean; then it gives away what it has above a little less than that, so that the next client does not begin it again.
 */
import type { WorkerInfo } from '../session/pacing.js';

/** Of the mean. */
const MAX_RATIO = 1.1;
const TARGET_RATIO = 1.05;
/** With fewer on the average, one more or less is far from the mean, and nobody's burden. */
const MIN_MEAN = 10;

export interface Loaded {
  readonly load: number;
  /** Relative share that it should have. */
  readonly weight: number;
}

/** What this one has above its share, among these; 0 while that is fine. */
export function excessOf(one: Loaded, all: readonly Loaded[]): number {
  const total = all.reduce((sum, { load }) => sum + load, 0);
  const weights = all.reduce((sum, { weight }) => sum + weight, 0);
  if (all.length < 2 || total / all.length < MIN_MEAN || weights === 0) return 0;
  const share = (total * one.weight) / weights;
  return one.load > share * MAX_RATIO ? one.load - share * TARGET_RATIO : 0;
}

/** Has it less than its share? */
export function hasRoom(one: Loaded, all: readonly Loaded[]): boolean {
  const total = all.reduce((sum, { load }) => sum + load, 0);
  const weights = all.reduce((sum, { weight }) => sum + weight, 0);
  return one.load * weights < total * one.weight;
}

/** Of this machine's balancer, compared with the others; this worker answers for its own part. Nobody who is about to stop counts. */
export function balancerExcess(balancer: string, sessions: number, workers: readonly WorkerInfo[]): number {
  const loads = new Map<string, { load: number; weight: number }>();
  for (const worker of workers.filter(({ isTaking }) => isTaking)) {
    const sum = loads.get(worker.balancer) ?? { load: 0, weight: 1 };
    sum.load += worker.sessions;
    loads.set(worker.balancer, sum);
  }
  const own = loads.get(balancer);
  if (own === undefined || own.load === 0) return 0;
  return excessOf(own, [...loads.values()]) * Math.min(1, sessions / own.load);
}
