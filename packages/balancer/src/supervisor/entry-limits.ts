/**
 * One client more, on this machine: takes all that it wants of connections (slots.ts) and of rates (rates.ts), or nothing. A want
 * that is refused costs nobody anything, so that who is refused for one limit does not use up another.
 */
import type { RateTable } from './rates.js';
import type { SlotTable } from './slots.js';

export interface Want {
  readonly kind: 'slot' | 'rate';
  readonly scope: string;
  readonly key: string;
  readonly limit: number;
}

export interface EntryTables {
  readonly slots: SlotTable;
  readonly rates: RateTable;
}

/** What `enter` answers when all was granted. */
export const NONE_REFUSED = -1;

/** The place of the first want that has no room, or NONE_REFUSED. Throws when the table of slots is full. */
export function enter(tables: EntryTables, workerId: number, wants: readonly Want[], nowMs: number): number {
  const refused = wants.findIndex((want) => !hasRoom(tables, workerId, want, nowMs));
  if (refused !== NONE_REFUSED) return refused;
  for (const { kind, scope, key, limit } of wants) {
    if (kind === 'slot') tables.slots.acquire({ workerId, scope, key }, limit);
    else tables.rates.take(rateKey(scope, key), limit, nowMs);
  }
  return NONE_REFUSED;
}

function hasRoom({ slots, rates }: EntryTables, workerId: number, want: Want, nowMs: number): boolean {
  const { kind, scope, key, limit } = want;
  if (kind === 'rate') return rates.hasRoom(rateKey(scope, key), limit, nowMs);
  const room = slots.room({ workerId, scope, key }, limit);
  if (room === 'full') throw new RangeError(`slots: expected room for another key, got a full table of ${slots.size}`);
  return room === 'acquired';
}

/** The length makes it unambiguous, as with slots. */
function rateKey(scope: string, key: string): string {
  return `${scope.length}:${scope}:${key}`;
}
