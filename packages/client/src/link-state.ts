/**
 * How a session is linked to a worker: one value, and what each event makes of it. Pure; the monitor does what the states
 * ask for. `leaving` and `moving` are make-before-break: the old connection serves until a successor is welcomed.
 *
 *   connecting ──welcomed──▶ open ──goaway──▶ leaving ──due──▶ moving ──welcomed──▶ open
 *     ▲    └─failed─▶ waiting ◀──lost──┴────────┘ ▲               │ │
 *     └─────due──────────┘                        └────failed─────┘ └─lost─▶ connecting (that try goes on)
 */
import type { AfterClose } from '@holdfast/protocol';

export type LinkState =
  /** A try is under way, and no connection stands. */
  | { readonly name: 'connecting' }
  /** No connection; a timer runs until the next try. A fixed one is not brought forward by `prompted`. */
  | { readonly name: 'waiting'; readonly isFixed: boolean }
  | { readonly name: 'open' }
  /** Connected, told to go: a timer runs until a successor is tried. */
  | { readonly name: 'leaving' }
  /** A successor is being tried. `hasOld` false: the old one was already replaced by it, its welcome is on the way. */
  | { readonly name: 'moving'; readonly hasOld: boolean }
  | { readonly name: 'closed' };

export type LinkEvent =
  /** The timer of `waiting` or `leaving` ran out. */
  | { readonly type: 'due' }
  /** The try succeeded. */
  | { readonly type: 'welcomed' }
  /** The try ended otherwise. `isFixed`: the server named the time of the next. */
  | { readonly type: 'failed'; readonly after: AfterClose; readonly isFixed: boolean }
  /** The connection ended. `isSucceeded`: because its successor has the session already. */
  | { readonly type: 'lost'; readonly after: AfterClose; readonly isFixed: boolean; readonly isSucceeded: boolean }
  | { readonly type: 'goaway' }
  /** Something says that a try would work now: online, awake, visible, or the application. */
  | { readonly type: 'prompted' }
  | { readonly type: 'stopped' };

const OPEN: LinkState = { name: 'open' };
const CONNECTING: LinkState = { name: 'connecting' };
const CLOSED: LinkState = { name: 'closed' };

/** The same value when the event means nothing in this state. */
export function nextLinkState(state: LinkState, event: LinkEvent): LinkState {
  if (state.name === 'closed' || event.type === 'stopped') return CLOSED;
  switch (state.name) {
    case 'connecting':
      return whileConnecting(state, event);
    case 'waiting':
      if (event.type === 'due') return CONNECTING;
      return event.type === 'prompted' && !state.isFixed ? { name: 'waiting', isFixed: true } : state;
    case 'open':
    case 'leaving':
      return whileOpen(state, event);
    case 'moving':
      return whileMoving(state, event);
  }
}

function whileConnecting(state: LinkState, event: LinkEvent): LinkState {
  if (event.type === 'welcomed') return OPEN;
  return event.type === 'failed' ? afterEnd(event) : state;
}

function whileOpen(state: LinkState, event: LinkEvent): LinkState {
  if (event.type === 'lost') return afterEnd(event);
  if (event.type === 'goaway') return { name: 'leaving' };
  return event.type === 'due' && state.name === 'leaving' ? { name: 'moving', hasOld: true } : state;
}

function whileMoving(state: LinkState & { name: 'moving' }, event: LinkEvent): LinkState {
  if (!state.hasOld) return whileConnecting(state, event);
  if (event.type === 'welcomed') return OPEN;
  // What would stop a session is no reason to leave a connection that works: its own end will decide.
  if (event.type === 'failed') return event.after === 'resume' ? { name: 'leaving' } : OPEN;
  if (event.type !== 'lost') return state;
  if (event.isSucceeded) return { name: 'moving', hasOld: false };
  return event.after === 'stop' ? CLOSED : CONNECTING;
}

function afterEnd({ after, isFixed }: { readonly after: AfterClose; readonly isFixed: boolean }): LinkState {
  return after === 'stop' ? CLOSED : { name: 'waiting', isFixed };
}
