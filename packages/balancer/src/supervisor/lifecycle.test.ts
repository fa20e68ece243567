import { describe, expect, it } from 'vitest';
import {
  DRAINED,
  type Exit,
  type Lifecycle,
  type LifecycleEvent,
  nextLifecycle,
  type SlotHistory,
} from './lifecycle.js';

const listened: SlotHistory = { hasListened: true, lastExit: undefined };
const died: SlotHistory = { hasListened: false, lastExit: 'port in use (exit code 1)' };
const pending: SlotHistory = { hasListened: false, lastExit: undefined };
const INTERNAL: Exit = { code: 70, reason: 'internal error' };

describe('a start', () => {
  it.each<[string, readonly SlotHistory[], Lifecycle['name']]>([
    ['all listen', [listened, listened], 'running'],
    ['one listens and one died', [listened, died], 'running'],
    ['one listens and one is still coming', [listened, pending], 'starting'],
    ['one died and one is still coming', [died, pending], 'starting'],
    ['all died', [died, died], 'stopping'],
  ])('when %s', (_, slots, name) => {
    expect(nextLifecycle({ name: 'starting' }, { type: 'slotsChanged', slots }).name).toBe(name);
  });

  it('that failed says why, once for all workers with the same reason', () => {
    const state = nextLifecycle({ name: 'starting' }, { type: 'slotsChanged', slots: [died, died] });
    expect(state).toEqual({
      name: 'stopping',
      exit: { code: 1, reason: 'expected at least one of 2 workers to listen, got: port in use (exit code 1)' },
    });
  });
});

const STATES: Readonly<Record<Lifecycle['name'], Lifecycle>> = {
  starting: { name: 'starting' },
  running: { name: 'running' },
  draining: { name: 'draining', phase: 'grace', deadline: 5 },
  stopping: { name: 'stopping', exit: { code: 1, reason: 'first' } },
  stopped: { name: 'stopped', exit: DRAINED },
};
const EVENTS: Readonly<Record<LifecycleEvent['type'], LifecycleEvent>> = {
  slotsChanged: { type: 'slotsChanged', slots: [died] },
  drainAsked: { type: 'drainAsked', deadline: 9 },
  graceOver: { type: 'graceOver' },
  stopAsked: { type: 'stopAsked', exit: INTERNAL },
  emptied: { type: 'emptied' },
};

it.each<[Lifecycle['name'], LifecycleEvent['type'], Lifecycle]>([
  ['starting', 'drainAsked', { name: 'draining', phase: 'grace', deadline: 9 }],
  ['starting', 'stopAsked', { name: 'stopping', exit: INTERNAL }],
  ['running', 'slotsChanged', STATES.running],
  ['running', 'drainAsked', { name: 'draining', phase: 'grace', deadline: 9 }],
  ['running', 'stopAsked', { name: 'stopping', exit: INTERNAL }],
  ['draining', 'slotsChanged', STATES.draining],
  ['draining', 'drainAsked', STATES.draining],
  ['running', 'graceOver', STATES.running],
  ['draining', 'graceOver', { name: 'draining', phase: 'closing', deadline: 5 }],
  ['stopping', 'graceOver', STATES.stopping],
  ['draining', 'stopAsked', { name: 'stopping', exit: INTERNAL }],
  ['draining', 'emptied', { name: 'stopped', exit: DRAINED }],
  ['stopping', 'slotsChanged', STATES.stopping],
  ['stopping', 'drainAsked', STATES.stopping],
  ['stopping', 'stopAsked', STATES.stopping],
  ['stopping', 'emptied', { name: 'stopped', exit: { code: 1, reason: 'first' } }],
  ['stopped', 'slotsChanged', STATES.stopped],
  ['stopped', 'drainAsked', STATES.stopped],
  ['stopped', 'stopAsked', STATES.stopped],
  ['stopped', 'emptied', STATES.stopped],
])('%s, when %s', (from, event, to) => {
  expect(nextLifecycle(STATES[from], EVENTS[event])).toEqual(to);
});
