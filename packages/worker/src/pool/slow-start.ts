/**
 * Slow start: a backend that comes into service begins at a tenth of its weight and has all of it after `slowStartMs`,
 * rising in a straight line. A tenth and not zero: caches and compilers only warm up with some traffic.
 * Computed from the clock at each pick, so that no timer runs per backend.
 */
import type { BackendSnapshot } from '../control/messages.js';

const FIRST_SHARE = 0.1;

export function slowStartShare(
  backend: Pick<BackendSnapshot, 'weight' | 'slowStartedAt'>,
  slowStartMs: number,
  nowMs: number,
): number {
  if (backend.slowStartedAt === undefined || slowStartMs <= 0) return backend.weight;
  // A clock that was set back must not make the share negative.
  const elapsed = Math.max(0, nowMs - backend.slowStartedAt);
  return backend.weight * Math.min(1, FIRST_SHARE + (1 - FIRST_SHARE) * (elapsed / slowStartMs));
}
