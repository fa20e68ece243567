/** The parked tail of one session as the embedded store keeps it: a value that an append replaces, without holes. */
import type { Parked, ParkedCounters, TailEntry } from '../session-store.js';

export interface Tail {
  readonly entries: readonly TailEntry[];
  readonly bytes: number;
}

export const EMPTY_TAIL: Tail = { entries: [], bytes: 0 };

/** Skips what the tail has already. Bytes are copied, since what arrived may be a view into a much larger message. */
export function tailWith(tail: Tail, entries: readonly TailEntry[]): Tail | 'hole' {
  const last = tail.entries.at(-1)?.n;
  const added = entries.filter(({ n }) => last === undefined || n > last);
  const first = added[0];
  if (first === undefined) return tail;
  if (last !== undefined && first.n !== last + 1) return 'hole';
  return {
    entries: [...tail.entries, ...added.map(({ n, isBinary, data }) => ({ n, isBinary, data: new Uint8Array(data) }))],
    bytes: tail.bytes + added.reduce((sum, { data }) => sum + data.length, 0),
  };
}

/**
 * Counters never go back within a generation: these are of a park that was overtaken by a later one. The one exception is
 * `received` when the park is complete, which is the last: what no handler has begun with is forgotten then, and comes again.
 */
export function isLateRepeat(counters: ParkedCounters, parked: Parked | undefined): boolean {
  if (parked === undefined) return false;
  return (
    counters.handled < parked.handled ||
    (counters.received < parked.received && !counters.isComplete) ||
    counters.lastDown < parked.lastDown ||
    (parked.isComplete && !counters.isComplete)
  );
}
