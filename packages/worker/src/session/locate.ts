/**
 * Who has a session whose client is not connected to this machine: what shared state has written down of it. That is who claimed
 * it last; whether its client is still there, only that worker knows.
 */
import { MAX_ID_BYTES, type Parked, type SessionRecord, type SessionStore } from '@holdfast/state';
import type { ParkedReport, SessionLocation } from '../control/operator-questions.js';

export interface LocateOptions {
  readonly store: Pick<SessionStore, 'lookup'>;
  /** Whose worker that is, by the leases; undefined when it has none. */
  readonly balancerOf: (worker: string) => string | undefined;
}

/** Never rejects. */
export async function locateSession({ store, balancerOf }: LocateOptions, id: string): Promise<SessionLocation> {
  // No session has such an id, and the store would take it for a mistake of ours.
  if (id === '' || Buffer.byteLength(id) > MAX_ID_BYTES) return { is: 'unknown' };
  let record: SessionRecord | undefined;
  try {
    record = await store.lookup(id);
  } catch (error) {
    return { is: 'unavailable', detail: error instanceof Error ? error.message : String(error) };
  }
  if (record === undefined) return { is: 'unknown' };
  const { pool, backendId, generation, workerId, parked } = record;
  return {
    is: 'known',
    session: {
      id,
      pool,
      backend: backendId,
      generation,
      worker: workerId,
      balancer: balancerOf(workerId) ?? null,
      parked: parked?.generation === generation ? parkedReport(parked) : null,
    },
  };
}

function parkedReport({ handled, received, lastDown, ackedDown, isComplete }: Parked): ParkedReport {
  return { handled, received, lastDown, ackedDown, unacknowledged: lastDown - ackedDown, isComplete };
}
