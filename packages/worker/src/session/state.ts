/**
 * The life of a session in this worker, as long as its client's connection is here. Pure. A plain client has no hello and no
 * resync: its session begins as `opening`, and `reopened` is followed by `resynced` at once.
 *
 *   hello ─hello─▶ opening ─opened─▶ live ◀──────────resynced──────────┐
 *                                    │ │                              │
 *                          askHandoff│ │streamLost                    │
 *                                    ▼ ▼                              │
 *                             handing ─handedOff─▶ unbound ─reopen─▶ reopening ─reopened─▶ resyncing
 *                                  └──streamLost──▶  ▲  ◀─openFailed──┘                      │ │
 *                                                    └───────────────streamLost─────────────┘ └─askHandoff─▶ handing
 *   any ─ended─▶ closed
 */
export type SessionState =
  /** Waits for the client's first frame. */
  | 'hello'
  /** Who is it, which session, which backend? */
  | 'opening'
  | 'live'
  /** The backend was asked to hand it over; what it still sends is passed on, it is sent nothing. */
  | 'handing'
  /** Has no backend. */
  | 'unbound'
  /** Is being opened at another backend, or at the same one anew. */
  | 'reopening'
  /** Has its new backend, which waits for what the client has and has not. */
  | 'resyncing'
  | 'closed';

export type SessionEvent =
  | 'hello'
  | 'opened'
  | 'askHandoff'
  | 'handedOff'
  | 'streamLost'
  | 'reopen'
  | 'reopened'
  | 'openFailed'
  | 'resynced'
  | 'ended';

const TRANSITIONS: Readonly<Record<SessionState, Readonly<Partial<Record<SessionEvent, SessionState>>>>> = {
  hello: { hello: 'opening', ended: 'closed' },
  opening: { opened: 'live', ended: 'closed' },
  live: { askHandoff: 'handing', streamLost: 'unbound', ended: 'closed' },
  handing: { handedOff: 'unbound', streamLost: 'unbound', ended: 'closed' },
  unbound: { reopen: 'reopening', ended: 'closed' },
  reopening: { reopened: 'resyncing', openFailed: 'unbound', ended: 'closed' },
  resyncing: { resynced: 'live', askHandoff: 'handing', streamLost: 'unbound', ended: 'closed' },
  closed: { ended: 'closed' },
};

/** undefined: the event has no place in this state. */
export function nextSessionState(state: SessionState, event: SessionEvent): SessionState | undefined {
  return TRANSITIONS[state][event];
}

/** May frames of the client be expected at all? Before its welcome it has to wait. */
export function isWelcomed(state: SessionState): boolean {
  return state !== 'hello' && state !== 'opening' && state !== 'closed';
}

/** Some backend is about to answer what becomes of it. */
export function isOnItsWay(state: SessionState): boolean {
  return state === 'opening' || state === 'handing' || state === 'reopening';
}

/** Given up by one backend, and not with another yet. */
export function isBetweenBackends(state: SessionState): boolean {
  return state === 'handing' || state === 'unbound' || state === 'reopening' || state === 'resyncing';
}
