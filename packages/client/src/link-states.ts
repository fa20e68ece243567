/**
 * The states of a link (link-state.ts), used as `Link.Open`. Constants in a module and not strings: bundlers write their
 * numbers in place, and the words cost a page nothing.
 */

/** A try is under way, and no connection stands. */
export const Connecting = 0;
/** No connection; a timer runs until the next try. */
export const Waiting = 1;
/** The same, and the time of that try is not brought forward any more. */
export const Pinned = 2;
export const Open = 3;
/** Connected, told to go: a timer runs until a successor is tried. */
export const Leaving = 4;
/** A successor is being tried. */
export const Moving = 5;
/** It has replaced the old one already, and its welcome is on the way. */
export const Moved = 6;
export const Closed = 7;
