/**
 * The balancers of the fleet, as the leases of their workers tell: made up anew from each reading of the leases, and those that
 * were there and are not any more are remembered for a while. A balancer that drains or says farewell is expected to go; any
 * other that is gone is lost, which is how a machine that hangs shows. Pure: the time is passed in.
 */
import type { Lease, LiveLease } from '@holdfast/state';
import type { BalancerReport, FleetReport } from '../control/operator-questions.js';
import { parseLeaseInfo } from './lease-info.js';

/** What a worker says of its machine in its lease, besides what pacing needs. */
export interface LeaseFacts {
  readonly balancer: string;
  readonly sessions: number;
  readonly connections: number;
  readonly version: string;
  readonly isDraining: boolean;
}

interface Seen extends Omit<BalancerReport, 'seenMs' | 'status'> {
  readonly isDraining: boolean;
  readonly seenAtMs: number;
}

/** Where a lost balancer is still shown. */
const KEEP_LOST_MS = 600_000;
/** Far more machines than MAX_LEASES workers come from; only what is lost is forgotten early. */
const MAX_BALANCERS = 1024;

/** Longer than anybody waits between two readings. */
const FAREWELL_MS = 10_000;

/** Of a worker that ends in order. Where others of its machine stay, it means nothing. */
export function farewellOf(balancer: string): Lease {
  return { id: `farewell:${balancer}`, kind: 'balancer', info: JSON.stringify({ balancer }), ttlMs: FAREWELL_MS };
}

export class FleetView {
  readonly #self: string;
  readonly #seen = new Map<string, Seen>();
  #workers = new Map<string, string>();
  #readAtMs: number;

  constructor(self: string, nowMs: number) {
    this.#self = self;
    this.#readAtMs = nowMs;
  }

  /** All that are held now. */
  onLeases(leases: readonly LiveLease[], nowMs: number): void {
    this.#readAtMs = nowMs;
    this.#workers = new Map();
    const alive = new Map<string, Seen>();
    const left = new Set<string>();
    for (const { id, kind, info } of leases) {
      const facts = readFacts(info);
      if (kind === 'balancer' && facts !== undefined) left.add(facts.balancer);
      if (kind !== 'worker' || facts === undefined) continue;
      this.#workers.set(id, facts.balancer);
      alive.set(facts.balancer, add(alive.get(facts.balancer), facts, nowMs));
    }
    for (const [balancer, seen] of alive) this.#remember(balancer, seen);
    for (const [balancer, { isDraining, seenAtMs }] of this.#seen) {
      const isExpected = isDraining || left.has(balancer) || nowMs - seenAtMs >= KEEP_LOST_MS;
      if (seenAtMs < nowMs && isExpected) this.#seen.delete(balancer);
    }
  }

  balancerOf(worker: string): string | undefined {
    return this.#workers.get(worker);
  }

  report(nowMs: number): FleetReport {
    const balancers = [...this.#seen.values()].map((seen) => this.#reportOf(seen, nowMs));
    balancers.sort((a, b) => (a.balancer < b.balancer ? -1 : 1));
    return { self: this.#self, ageMs: Math.round(nowMs - this.#readAtMs), balancers };
  }

  #reportOf({ isDraining, seenAtMs, ...seen }: Seen, nowMs: number): BalancerReport {
    const isLost = seenAtMs < this.#readAtMs;
    const status = isLost ? 'lost' : isDraining ? 'draining' : 'ready';
    return { ...seen, status, seenMs: Math.round(nowMs - seenAtMs) };
  }

  /** The newest come last. */
  #remember(balancer: string, seen: Seen): void {
    this.#seen.delete(balancer);
    this.#seen.set(balancer, seen);
    for (const oldest of this.#seen.keys()) {
      if (this.#seen.size <= MAX_BALANCERS) return;
      this.#seen.delete(oldest);
    }
  }
}

function add(sum: Seen | undefined, facts: LeaseFacts, nowMs: number): Seen {
  const { balancer, sessions, connections, version, isDraining } = facts;
  return {
    balancer,
    version: version === '' ? null : version,
    workers: (sum?.workers ?? 0) + 1,
    sessions: (sum?.sessions ?? 0) + sessions,
    connections: (sum?.connections ?? 0) + connections,
    // One worker alone that drains is being replaced.
    isDraining: isDraining && (sum?.isDraining ?? true),
    seenAtMs: nowMs,
  };
}

/** undefined: of a version that this one does not understand. What an older one leaves out counts as nothing. */
function readFacts(text: string): LeaseFacts | undefined {
  const info = parseLeaseInfo(text);
  if (info === undefined) return undefined;
  const { balancer, sessions, connections, version, isDraining } = info;
  if (typeof balancer !== 'string') return undefined;
  return {
    balancer,
    sessions: countOf(sessions),
    connections: countOf(connections),
    version: typeof version === 'string' ? version : '',
    isDraining: isDraining === true,
  };
}

function countOf(value: unknown): number {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : 0;
}
