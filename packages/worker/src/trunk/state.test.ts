import { describe, expect, it } from 'vitest';
import { nextTrunkState, type TrunkEvent, type TrunkState } from './state.js';

const nonces = { challenge: 'c', prove: 'p' };
const backend = { proof: '', incarnation: 'i'.repeat(16), capacity: 0, authenticates: false, maxMessageBytes: 1 };
const STATES: Record<TrunkState['name'], TrunkState> = {
  connecting: { name: 'connecting' },
  proving: { name: 'proving', nonces },
  ready: { name: 'ready', backend },
  draining: { name: 'draining', backend },
  closed: { name: 'closed', reason: 'lost' },
};
const EVENTS: Record<TrunkEvent['type'], TrunkEvent> = {
  challenged: { type: 'challenged', nonces },
  proved: { type: 'proved', backend },
  drain: { type: 'drain' },
  closed: { type: 'closed', reason: 'stale' },
};

describe('a trunk', () => {
  it.each<[TrunkState['name'], TrunkEvent['type'], TrunkState['name'] | undefined]>([
    ['connecting', 'challenged', 'proving'],
    ['connecting', 'proved', undefined],
    ['connecting', 'drain', undefined],
    ['connecting', 'closed', 'closed'],
    ['proving', 'challenged', undefined],
    ['proving', 'proved', 'ready'],
    ['proving', 'drain', undefined],
    ['proving', 'closed', 'closed'],
    ['ready', 'challenged', undefined],
    ['ready', 'proved', undefined],
    ['ready', 'drain', 'draining'],
    ['ready', 'closed', 'closed'],
    ['draining', 'challenged', undefined],
    ['draining', 'proved', undefined],
    ['draining', 'drain', 'draining'],
    ['draining', 'closed', 'closed'],
    ['closed', 'challenged', undefined],
    ['closed', 'proved', undefined],
    ['closed', 'drain', undefined],
    ['closed', 'closed', 'closed'],
  ])('that is %s and %s becomes %s', (state, event, next) => {
    expect(nextTrunkState(STATES[state], EVENTS[event])?.name).toBe(next);
  });

  it('keeps the first reason of its end', () => {
    expect(nextTrunkState(STATES.closed, EVENTS.closed)).toEqual({ name: 'closed', reason: 'lost' });
  });
});
