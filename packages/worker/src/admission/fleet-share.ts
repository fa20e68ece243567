/**
 * A worker's part of the fleet's admission: half of it in equal parts, so that everybody can begin at once, and half by what each
 * was asked for lately. Every worker reckons from the same leases, so the parts add up to no more than the whole; for the
 * two seconds that a lease may be old, a worker that has just begun comes on top. Pure. A call to shared state for each client was
 * rejected: it would be there when a herd comes, and slow.
 */
export interface ShareInfo {
  /** Of clients, per second. */
  readonly demand: number;
}

export interface ShareLimits {
  readonly perSecond: number;
  /** 0: no cap. */
  readonly fleetPerSecond: number;
}

const EQUAL_PART = 0.5;
/** Somebody who may admit nobody at all could not even say so. */
const MIN_SHARE = 0.1;

/** @param workers all, this one included; empty: nobody knows. */
export function fleetShare(own: ShareInfo, workers: readonly ShareInfo[], limits: ShareLimits): number {
  const { perSecond, fleetPerSecond } = limits;
  if (fleetPerSecond === 0) return perSecond;
  const demand = workers.reduce((sum, worker) => sum + worker.demand, 0);
  const count = Math.max(1, workers.length);
  const byDemand = demand > 0 ? own.demand / demand : 1 / count;
  const share = fleetPerSecond * (EQUAL_PART / count + (1 - EQUAL_PART) * byDemand);
  return Math.max(MIN_SHARE, Math.min(perSecond, share));
}
