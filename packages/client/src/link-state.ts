/**
 * How a session is linked to a worker: one value, and what each event makes of it. Pure; the monitor does what the states
 * ask for. `leaving` and `moving` are make-before-break: the old connection serves until a successor is welcomed.
 *
 *   connecting ──welcomed──▶ open ──goaway──▶ leaving ──due──▶ moving ──welcomed──▶ open
 *     ▲    └─failed─▶ waiting ◀──lost──┴────────┘ ▲               │ │
 *     └─────due──────────┘                        └────failed─────┘ └─lost─▶ connecting (that try goes on)
 */
import type { AfterClose } from '@holdfast/protocol';
import * as Happened from './link-events.js';
import * as Link from './link-states.js';

export type LinkState = (typeof Link)[keyof typeof Link];
export type LinkEvent = (typeof Happened)[keyof typeof Happened];

/** Of what failed or was lost. */
export interface LinkEnd {
  readonly after: AfterClose;
  /** The server named the time of the next try. */
  readonly isFixed: boolean;
  /** It ended because its successor has the session already. */
  readonly isSucceeded: boolean;
}

type Changes = Partial<Record<LinkEvent, LinkState | ((end: LinkEnd) => LinkState)>>;

const trying: Changes = { [Happened.Welcomed]: Link.Open, [Happened.Failed]: afterEnd };
const CHANGES: Readonly<Record<LinkState, Changes>> = {
  [Link.Connecting]: trying,
  [Link.Waiting]: { [Happened.Due]: Link.Connecting, [Happened.Prompted]: Link.Pinned },
  [Link.Pinned]: { [Happened.Due]: Link.Connecting },
  [Link.Open]: { [Happened.Lost]: afterEnd, [Happened.ToldToGo]: Link.Leaving },
  [Link.Leaving]: { [Happened.Lost]: afterEnd, [Happened.ToldToGo]: Link.Leaving, [Happened.Due]: Link.Moving },
  [Link.Moving]: {
    [Happened.Welcomed]: Link.Open,
    // What would stop a session is no reason to leave a connection that works: its own end will decide.
    [Happened.Failed]: ({ after }) => (after === 'resume' ? Link.Leaving : Link.Open),
    [Happened.Lost]: (end) => (end.isSucceeded ? Link.Moved : end.after === 'stop' ? Link.Closed : Link.Connecting),
  },
  [Link.Moved]: trying,
  [Link.Closed]: {},
};

/** Undefined when the event means nothing in this state. `end`: of `failed` and `lost`. */
export function nextLinkState(state: LinkState, event: LinkEvent, end?: LinkEnd): LinkState | undefined {
  if (event === Happened.Stopped && state !== Link.Closed) return Link.Closed;
  const next = CHANGES[state][event];
  return typeof next === 'function' ? next(end as LinkEnd) : next;
}

function afterEnd({ after, isFixed }: LinkEnd): LinkState {
  if (after === 'stop') return Link.Closed;
  return isFixed ? Link.Pinned : Link.Waiting;
}
