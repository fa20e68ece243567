/**
 * What a session's record is good for when its backend is gone. Pure.
 *
 * Parked and complete by the last owner: the next backend goes on as if nothing had been (handoff). Anything else is a
 * failover. What was parked is used then too, however old it is: the numbers in it tell the next backend which messages the
 * client may still be missing, and a number is never given to two messages of a session.
 */
import type { SessionRecord } from '@holdfast/state';
import type { SessionCounters } from '@holdfast/protocol';

export interface Restoration {
  readonly cause: 'handoff' | 'failover';
  readonly counters: SessionCounters | undefined;
  /** Of a handoff: it travels with the counters. */
  readonly state: string | undefined;
  /** Of a failover: state as of a handled message. */
  readonly checkpoint: { readonly handled: number; readonly state: string } | undefined;
}

/** A failover of which nobody has kept anything: the client's own counters will do. */
export const NOTHING_KEPT: Restoration = {
  cause: 'failover',
  counters: undefined,
  state: undefined,
  checkpoint: undefined,
};

/**
 * @param previousGeneration of the owner before the claim that gave us the record.
 * @returns undefined when the record holds nothing.
 */
export function restorationOf(
  { parked, checkpoint }: Pick<SessionRecord, 'parked' | 'checkpoint'>,
  previousGeneration: number,
): Restoration | undefined {
  if (parked === undefined) return checkpoint && { ...NOTHING_KEPT, checkpoint };
  const { handled, received, lastDown, ackedDown, state } = parked;
  const counters = { handled, received, lastDown, ackedDown };
  if (parked.isComplete && parked.generation === previousGeneration) {
    return { cause: 'handoff', counters, state, checkpoint: undefined };
  }
  // State that came with everything else is as good as a checkpoint, unless a later one was made.
  const isNewer = parked.isComplete && state !== undefined && handled >= (checkpoint?.handled ?? 0);
  return { cause: 'failover', counters, state: undefined, checkpoint: isNewer ? { handled, state } : checkpoint };
}
