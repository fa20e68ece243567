/** What an operator is told of a trunk. */
import type { TrunkReport } from '../control/operator-questions.js';
import type { Link } from './link.js';

export function trunkReport(link: Link): TrunkReport {
  const { pool, backend, rttMs, trunk, losses } = link;
  return {
    pool: pool.name,
    backend: backend.id,
    state: stateOf(link),
    rttMs: rttMs ?? null,
    sessions: trunk?.streams ?? 0,
    bufferedBytes: trunk?.bufferedBytes ?? 0,
    losses,
  };
}

function stateOf({ isLeaving, readyTrunk, provenTrunk, isConnecting }: Link): TrunkReport['state'] {
  if (isLeaving) return 'leaving';
  if (readyTrunk !== undefined) return 'ready';
  if (provenTrunk !== undefined) return 'draining';
  return isConnecting ? 'connecting' : 'lost';
}
