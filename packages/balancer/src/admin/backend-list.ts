/**
 * The backends as an operator sees them: what the supervisor knows (state, weight, checks, ejections, load), and for those that
 * take sessions what the workers say of their trunks, each and the worst of all. Pure.
 */
import type { TrunkReport } from '@holdfast/worker';
import type { BackendStatus } from '../supervisor/report.js';
import type { WorkerAnswer } from '../supervisor/operator-questions.js';
import { answersTo } from './answers.js';

interface WorkerTrunk extends Omit<TrunkReport, 'pool' | 'backend'> {
  readonly worker: number;
}

/** Of all workers. */
interface TrunkSummary {
  readonly ready: number;
  readonly of: number;
  /** The longest. */
  readonly rttMs: number | null;
}

export interface ListedBackend extends BackendStatus {
  /** Bound to it; null where its pool relays, and has none. */
  readonly sessions: number | null;
  readonly trunk: TrunkSummary | null;
  readonly trunks: readonly WorkerTrunk[];
}

export interface BackendList {
  readonly backends: readonly ListedBackend[];
  /** Workers whose trunks are missing. */
  readonly unanswered: number;
}

export function listBackends(backends: readonly BackendStatus[], answers: readonly WorkerAnswer[]): BackendList {
  const parts = answersTo(answers, 'trunks');
  const known = new Map<string, WorkerTrunk[]>();
  for (const { worker, answer } of parts) {
    for (const { pool, backend, ...trunk } of answer.trunks) {
      const key = keyOf(pool, backend);
      const trunks = known.get(key) ?? [];
      known.set(key, trunks);
      trunks.push({ worker, ...trunk });
    }
  }
  return {
    backends: backends.map((backend) => listed(backend, known.get(keyOf(backend.pool, backend.id)) ?? [])),
    unanswered: answers.length - parts.length,
  };
}

function listed(backend: BackendStatus, trunks: readonly WorkerTrunk[]): ListedBackend {
  if (trunks.length === 0) return { ...backend, sessions: null, trunk: null, trunks };
  const rtts = trunks.flatMap(({ rttMs }) => (rttMs === null ? [] : [rttMs]));
  const trunk = {
    ready: trunks.filter(({ state }) => state === 'ready').length,
    of: trunks.length,
    rttMs: rtts.length === 0 ? null : Math.max(...rtts),
  };
  return { ...backend, sessions: trunks.reduce((sum, { sessions }) => sum + sessions, 0), trunk, trunks };
}

/** Names of pools have no line breaks. */
function keyOf(pool: string, backend: string): string {
  return `${pool}\n${backend}`;
}
