/** What happens to a link (link-state.ts), used as `Happened.Lost`; constants for the same reason as the states. */

/** The timer of `Waiting`, `Pinned` or `Leaving` ran out. */
export const Due = 0;
/** The try succeeded. */
export const Welcomed = 1;
/** The try ended otherwise. */
export const Failed = 2;
/** The connection ended. */
export const Lost = 3;
export const ToldToGo = 4;
/** Something says that a try would work now: online, awake, visible, or the application. */
export const Prompted = 5;
export const Stopped = 6;
