/**
 * How long the clients of this machine should take to come back if it died now (PROTOCOL.md, "Reconnecting"): its sessions
 * over four fifths of what the others can admit. Pure.
 */
import { parseLeaseInfo } from './lease-info.js';

export interface WorkerInfo {
  /** The machine's balancer, that the worker belongs to. */
  readonly balancer: string;
  readonly sessions: number;
  /** That it could let in besides those who come usually. */
  readonly admissionPerSecond: number;
  /** Clients that asked to be let in lately, per second. */
  readonly demand: number;
  /** It may be sent sessions of others: it neither drains nor is under pressure. */
  readonly isTaking: boolean;
}

/** The others have clients of their own. */
const SHARE_FOR_THEM = 0.8;

type Paced = Pick<WorkerInfo, 'balancer' | 'sessions' | 'admissionPerSecond'>;

/**
 * @param workers all that are alive, those of this machine included.
 * @param fleetPerSecond what all of them together may admit; 0: no cap but their own.
 */
export function pacingWindowMs(balancer: string, workers: readonly Paced[], fleetPerSecond = 0): number {
  const own = workers.filter((worker) => worker.balancer === balancer);
  const elsewhere = workers.filter((worker) => worker.balancer !== balancer);
  // A machine alone: one of its workers dies at a time, and the others take its clients.
  const others = elsewhere.length > 0 ? elsewhere : own.slice(0, Math.max(1, own.length - 1));
  const allOfThem = others.reduce((sum, { admissionPerSecond }) => sum + admissionPerSecond, 0);
  const perSecond = fleetPerSecond > 0 ? Math.min(fleetPerSecond, allOfThem) : allOfThem;
  const sessions = own.reduce((sum, worker) => sum + worker.sessions, 0);
  return perSecond === 0 ? 0 : Math.round((sessions / (SHARE_FOR_THEM * perSecond)) * 1000);
}

/** What a lease says; undefined for what this version does not understand. */
export function readWorkerInfo(text: string): WorkerInfo | undefined {
  const info = parseLeaseInfo(text);
  if (info === undefined) return undefined;
  const { balancer, sessions, admissionPerSecond, demand = 0, isTaking } = info;
  if (typeof balancer !== 'string' || !isCount(sessions) || !isCount(admissionPerSecond) || !isCount(demand)) {
    return undefined;
  }
  return { balancer, sessions, admissionPerSecond, demand, isTaking: isTaking === true };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}
