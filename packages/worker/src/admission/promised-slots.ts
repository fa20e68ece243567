/**
 * When those come back who could not be let in: each gets a slot of its own behind those that were promised before, so that
 * there is room for it by then. Sessions that resume stand in a line of their own, ahead of new ones. Pure but for its own
 * state: the end of each line is all that there is to remember of any number of clients.
 *
 * A slot is not held for the one whom it was promised to: nothing in a hello says who was sent away before. Whoever comes in
 * between takes its place and costs it another try, but no more than the one that would have been its own. So there are never
 * more than two tries per client on average.
 */

/** Promised of what can be let in; the rest is for those who come for the first time meanwhile. */
const PROMISED_SHARE = 0.9;
/** Nobody is asked to wait for longer; whoever would have to is sent to the second half of it, to come back by chance. */
export const MAX_SLOT_MS = 120_000;

export interface SlotAsked {
  readonly isResume: boolean;
  readonly nowMs: number;
  /** Already on the way in. */
  readonly aheadMs: number;
  readonly perSecond: number;
  /** Uniform in [0, 1). */
  readonly random: number;
}

export class PromisedSlots {
  #resumesEndMs = -Infinity;
  #newEndMs = -Infinity;

  /** Milliseconds from now. */
  promise({ isResume, nowMs, aheadMs, perSecond, random }: SlotAsked): number {
    const slotMs = 1000 / (PROMISED_SHARE * perSecond);
    const begin = Math.max(nowMs + aheadMs, this.#resumesEndMs, isResume ? -Infinity : this.#newEndMs);
    const end = begin + slotMs;
    if (end - nowMs > MAX_SLOT_MS) return (MAX_SLOT_MS / 2) * (1 + random);
    if (isResume) this.#resumesEndMs = end;
    else this.#newEndMs = end;
    return end - nowMs;
  }
}
