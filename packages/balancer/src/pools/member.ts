/**
 * One backend of one pool as the supervisor knows it, and what follows from that. Four parties have a say: the list
 * (file or DNS), the operator, the checks and the traffic; each has its own field, and the state is always derived
 * from all of them, never stored as a fifth truth. Pure.
 */
import type { BackendSnapshot, BackendState, PoolConfig } from '@holdfast/worker';
import { type HealthRecord, UNCHECKED } from './health-state.js';
import { type OutlierState, WATCHED } from './outlier.js';
import type { ListedBackend } from './resolve.js';

/** What an operator asked for; absent fields leave it to the configuration. */
export interface Override {
  readonly state?: 'draining' | 'maintenance';
  readonly weight?: number;
}

export interface Member {
  readonly listed: ListedBackend;
  readonly health: HealthRecord;
  readonly outlier: OutlierState;
  /** Since the member is known. */
  readonly ejections: number;
  readonly slowStartedAt: number | undefined;
  /** As of the last settling: what a change is told by. */
  readonly state: BackendState;
  readonly why: string;
}

export interface BackendReport {
  readonly pool: string;
  readonly id: string;
  readonly url: string;
  /** In effect: the operator's, else the configured one. */
  readonly weight: number;
  readonly state: BackendState;
  /** For people: what made it so. */
  readonly why: string;
  readonly override: Override | undefined;
  readonly health: {
    readonly status: HealthRecord['status']['name'];
    readonly checks: number;
    readonly failures: number;
    readonly rttMs: { readonly last: number; readonly smoothed: number } | undefined;
    readonly lastError: string | undefined;
    /** Epoch milliseconds. */
    readonly lastCheckAt: number | undefined;
  };
  /** Epoch milliseconds; only while ejected. */
  readonly ejectedUntil: number | undefined;
  readonly ejections: number;
}

export function newMember(listed: ListedBackend, slowStartedAt: number | undefined): Member {
  const why = 'newly listed';
  return { listed, health: UNCHECKED, outlier: WATCHED, ejections: 0, slowStartedAt, state: 'ready', why };
}

/**
 * Maintenance beats all: nobody wonders about the health of what is taken apart. Down beats draining, so that what is
 * bound to a drained backend is sent elsewhere as soon as that backend has stopped.
 */
export function deriveState(member: Member, override: Override | undefined): { state: BackendState; why: string } {
  const { health, outlier } = member;
  if (override?.state === 'maintenance') return { state: 'maintenance', why: 'operator' };
  if (health.status.name === 'down') return { state: 'down', why: `health check: ${health.lastError ?? 'failed'}` };
  if (outlier.name === 'ejected')
    return { state: 'down', why: `ejected: ${outlier.streak} failures of traffic in a row` };
  if (override?.state === 'draining') return { state: 'draining', why: 'operator' };
  return { state: 'ready', why: health.status.name === 'up' ? 'health check: passes' : 'not checked' };
}

/** The member with its state brought up to date; the same object when nothing changed. */
export function settle(member: Member, override: Override | undefined, nowMs: number): Member {
  const { state, why } = deriveState(member, override);
  if (state === member.state) return why === member.why ? member : { ...member, why };
  const wasOut = member.state === 'down' || member.state === 'maintenance';
  const isIn = state === 'ready' || state === 'draining';
  return { ...member, state, why, slowStartedAt: wasOut && isIn ? nowMs : member.slowStartedAt };
}

export function snapshotOf(
  member: Member,
  override: Override | undefined,
  { slowStartMs }: Pick<PoolConfig, 'slowStartMs'>,
  nowMs: number,
): BackendSnapshot {
  const { listed, state, slowStartedAt } = member;
  const isStarting = slowStartedAt !== undefined && nowMs < slowStartedAt + slowStartMs;
  // Panic mode uses what is down, but must not bring back what the operator is draining: weight 0 says so.
  const isDrainedAndDown = state === 'down' && override?.state === 'draining';
  return {
    id: listed.id,
    url: listed.url,
    weight: isDrainedAndDown ? 0 : weightOf(member, override),
    state,
    ...(listed.serverName === undefined ? {} : { serverName: listed.serverName }),
    slowStartedAt: isStarting ? slowStartedAt : undefined,
  };
}

export function reportOf(pool: string, member: Member, override: Override | undefined): BackendReport {
  const { listed, health, outlier, state, why, ejections } = member;
  return {
    pool,
    id: listed.id,
    url: listed.url,
    weight: weightOf(member, override),
    state,
    why,
    override,
    health: { ...health, status: health.status.name },
    ejectedUntil: outlier.name === 'ejected' ? outlier.until : undefined,
    ejections,
  };
}

function weightOf(member: Member, override: Override | undefined): number {
  return override?.weight ?? member.listed.weight;
}
