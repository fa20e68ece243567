import { describe, expect, it } from 'vitest';
import { isWelcomed, nextSessionState, type SessionEvent, type SessionState } from './state.js';

const STATES: readonly SessionState[] = [
  'hello',
  'opening',
  'live',
  'handing',
  'unbound',
  'reopening',
  'resyncing',
  'closed',
];
const EVENTS: readonly SessionEvent[] = [
  'hello',
  'opened',
  'askHandoff',
  'handedOff',
  'streamLost',
  'reopen',
  'reopened',
  'openFailed',
  'resynced',
  'ended',
];
const ALLOWED: Readonly<Record<string, SessionState>> = {
  'hello hello': 'opening',
  'opening opened': 'live',
  'live askHandoff': 'handing',
  'live streamLost': 'unbound',
  'handing handedOff': 'unbound',
  'handing streamLost': 'unbound',
  'unbound reopen': 'reopening',
  'reopening reopened': 'resyncing',
  'reopening openFailed': 'unbound',
  'resyncing resynced': 'live',
  'resyncing askHandoff': 'handing',
  'resyncing streamLost': 'unbound',
};

describe('a session', () => {
  it.each(STATES.flatMap((state) => EVENTS.map((event) => [state, event] as const)))(
    'that is %s: %s',
    (state, event) => {
      const expected = event === 'ended' ? 'closed' : ALLOWED[`${state} ${event}`];
      expect(nextSessionState(state, event)).toBe(expected);
    },
  );

  it('may be spoken to by its client between its welcome and its end', () => {
    expect(STATES.filter(isWelcomed)).toEqual(['live', 'handing', 'unbound', 'reopening', 'resyncing']);
  });
});
