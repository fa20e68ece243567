/**
 * How a worker is to end: told by the supervisor, which knows what the operator wants and what else is on this machine; and
 * the window that follows from it. Pure.
 */
export interface DrainOrders {
  /** From the order to the hard stop. */
  readonly deadlineMs: number;
  /** Over how long the connections are closed; undefined: see drainWindowMs. */
  readonly windowMs: number | undefined;
  /** Of this worker. 0: whatever the window needs. */
  readonly closesPerSecond: number;
  /** Another worker takes its place, or the machine has others: its clients have somewhere to go. */
  readonly hasSuccessors: boolean;
}

/** What a worker lets go per second when nobody says: it costs those who take them in next to nothing. */
const UNHURRIED_PER_SECOND = 50;
/** A crowd that is smaller is not worth hurrying for, nor waiting for. */
const MIN_WINDOW_MS = 2000;
/** What comes after the window: those who did not hear, and close frames that are under way. */
const SHARE_OF_DEADLINE = 0.8;

/** @param pacingMs what the other workers of the fleet need to take them in. */
export function drainWindowMs(orders: DrainOrders, count: number, pacingMs: number): number {
  const { deadlineMs, windowMs, closesPerSecond } = orders;
  const unhurriedMs = Math.max(MIN_WINDOW_MS, (count / UNHURRIED_PER_SECOND) * 1000, pacingMs);
  const chosenMs = windowMs ?? Math.min(deadlineMs * SHARE_OF_DEADLINE, unhurriedMs);
  const slowestMs = closesPerSecond === 0 ? 0 : (count / closesPerSecond) * 1000;
  return Math.min(deadlineMs, Math.max(chosenMs, slowestMs));
}
