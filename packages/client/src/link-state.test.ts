/** Every state of a link and every event, in one table; what is not in it changes nothing. */
import { describe, expect, it } from 'vitest';
import { type LinkEvent, type LinkState, nextLinkState } from './link-state.js';

const STATES = {
  connecting: { name: 'connecting' },
  waiting: { name: 'waiting', isFixed: false },
  fixed: { name: 'waiting', isFixed: true },
  open: { name: 'open' },
  leaving: { name: 'leaving' },
  moving: { name: 'moving', hasOld: true },
  taken: { name: 'moving', hasOld: false },
  closed: { name: 'closed' },
} satisfies Record<string, LinkState>;

const EVENTS = {
  due: { type: 'due' },
  welcomed: { type: 'welcomed' },
  failed: { type: 'failed', after: 'resume', isFixed: false },
  'failed, slot given': { type: 'failed', after: 'resume', isFixed: true },
  'failed, renew': { type: 'failed', after: 'renew', isFixed: false },
  'failed, stop': { type: 'failed', after: 'stop', isFixed: false },
  lost: { type: 'lost', after: 'resume', isFixed: false, isSucceeded: false },
  'lost, slot given': { type: 'lost', after: 'resume', isFixed: true, isSucceeded: false },
  'lost, stop': { type: 'lost', after: 'stop', isFixed: false, isSucceeded: false },
  'lost to the successor': { type: 'lost', after: 'stop', isFixed: false, isSucceeded: true },
  goaway: { type: 'goaway' },
  prompted: { type: 'prompted' },
  stopped: { type: 'stopped' },
} satisfies Record<string, LinkEvent>;

type StateName = keyof typeof STATES;
type EventName = keyof typeof EVENTS;

const CHANGES: Partial<Record<StateName, Partial<Record<EventName, StateName>>>> = {
  connecting: {
    welcomed: 'open',
    failed: 'waiting',
    'failed, slot given': 'fixed',
    'failed, renew': 'waiting',
    'failed, stop': 'closed',
  },
  waiting: { due: 'connecting', prompted: 'fixed' },
  fixed: { due: 'connecting' },
  open: {
    lost: 'waiting',
    'lost, slot given': 'fixed',
    'lost, stop': 'closed',
    'lost to the successor': 'closed',
    goaway: 'leaving',
  },
  leaving: {
    due: 'moving',
    lost: 'waiting',
    'lost, slot given': 'fixed',
    'lost, stop': 'closed',
    'lost to the successor': 'closed',
    goaway: 'leaving',
  },
  moving: {
    welcomed: 'open',
    failed: 'leaving',
    'failed, slot given': 'leaving',
    'failed, renew': 'open',
    'failed, stop': 'open',
    lost: 'connecting',
    'lost, slot given': 'connecting',
    'lost, stop': 'closed',
    'lost to the successor': 'taken',
  },
  taken: {
    welcomed: 'open',
    failed: 'waiting',
    'failed, slot given': 'fixed',
    'failed, renew': 'waiting',
    'failed, stop': 'closed',
  },
};

const CASES = (Object.keys(STATES) as StateName[]).flatMap((state) =>
  (Object.keys(EVENTS) as EventName[]).map((event) => {
    const next = event === 'stopped' ? 'closed' : (CHANGES[state]?.[event] ?? state);
    return { state, event, next };
  }),
);

describe('state of a link', () => {
  it.each(CASES)('$state, $event: $next', ({ state, event, next }) => {
    expect(nextLinkState(STATES[state], EVENTS[event])).toEqual(STATES[next]);
  });

  it('is the same value when an event means nothing', () => {
    for (const { state, event, next } of CASES) {
      const after = nextLinkState(STATES[state], EVENTS[event]);
      if (next === state && event !== 'goaway' && state !== 'closed') expect(after).toBe(STATES[state]);
    }
  });
});
