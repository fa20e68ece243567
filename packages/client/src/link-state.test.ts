/** Every state of a link and every event, in one table; what is not in it changes nothing. */
import { describe, expect, it } from 'vitest';
import * as Happened from './link-events.js';
import * as Link from './link-states.js';
import { type LinkEnd, type LinkEvent, nextLinkState } from './link-state.js';

const STATES = {
  Connecting: Link.Connecting,
  Waiting: Link.Waiting,
  Pinned: Link.Pinned,
  Open: Link.Open,
  Leaving: Link.Leaving,
  Moving: Link.Moving,
  Moved: Link.Moved,
  Closed: Link.Closed,
} satisfies typeof Link;
type StateName = keyof typeof STATES;

const END: LinkEnd = { after: 'resume', isFixed: false, isSucceeded: false };

const EVENTS = {
  due: { type: Happened.Due },
  welcomed: { type: Happened.Welcomed },
  failed: { type: Happened.Failed, end: END },
  'failed, slot given': { type: Happened.Failed, end: { ...END, isFixed: true } },
  'failed, renew': { type: Happened.Failed, end: { ...END, after: 'renew' } },
  'failed, stop': { type: Happened.Failed, end: { ...END, after: 'stop' } },
  lost: { type: Happened.Lost, end: END },
  'lost, slot given': { type: Happened.Lost, end: { ...END, isFixed: true } },
  'lost, stop': { type: Happened.Lost, end: { ...END, after: 'stop' } },
  'lost to the successor': { type: Happened.Lost, end: { ...END, after: 'stop', isSucceeded: true } },
  goaway: { type: Happened.ToldToGo },
  prompted: { type: Happened.Prompted },
  stopped: { type: Happened.Stopped },
} satisfies Record<string, { readonly type: LinkEvent; readonly end?: LinkEnd }>;

type EventName = keyof typeof EVENTS;

const CHANGES: Partial<Record<StateName, Partial<Record<EventName, StateName>>>> = {
  Connecting: {
    welcomed: 'Open',
    failed: 'Waiting',
    'failed, slot given': 'Pinned',
    'failed, renew': 'Waiting',
    'failed, stop': 'Closed',
  },
  Waiting: { due: 'Connecting', prompted: 'Pinned' },
  Pinned: { due: 'Connecting' },
  Open: {
    lost: 'Waiting',
    'lost, slot given': 'Pinned',
    'lost, stop': 'Closed',
    'lost to the successor': 'Closed',
    goaway: 'Leaving',
  },
  Leaving: {
    due: 'Moving',
    lost: 'Waiting',
    'lost, slot given': 'Pinned',
    'lost, stop': 'Closed',
    'lost to the successor': 'Closed',
    goaway: 'Leaving',
  },
  Moving: {
    welcomed: 'Open',
    failed: 'Leaving',
    'failed, slot given': 'Leaving',
    'failed, renew': 'Open',
    'failed, stop': 'Open',
    lost: 'Connecting',
    'lost, slot given': 'Connecting',
    'lost, stop': 'Closed',
    'lost to the successor': 'Moved',
  },
  Moved: {
    welcomed: 'Open',
    failed: 'Waiting',
    'failed, slot given': 'Pinned',
    'failed, renew': 'Waiting',
    'failed, stop': 'Closed',
  },
};

const CASES = (Object.keys(STATES) as StateName[]).flatMap((state) =>
  (Object.keys(EVENTS) as EventName[]).map((event) => {
    const stopped = state === 'Closed' ? undefined : 'Closed';
    return { state, event, next: event === 'stopped' ? stopped : CHANGES[state]?.[event] };
  }),
);

describe('state of a link', () => {
  it.each(CASES)('$state, $event: $next', ({ state, event, next }) => {
    const { type, end }: { readonly type: LinkEvent; readonly end?: LinkEnd } = EVENTS[event];
    expect(nextLinkState(STATES[state], type, end)).toBe(next && STATES[next]);
  });
});
