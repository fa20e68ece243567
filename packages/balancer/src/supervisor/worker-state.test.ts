import { expect, it } from 'vitest';
import { nextWorkerState, type WorkerEvent, type WorkerState, type WorkerStateName } from './worker-state.js';

const STATES: Readonly<Record<WorkerStateName, WorkerState>> = {
  stopped: { name: 'stopped', since: 1 },
  starting: { name: 'starting', since: 1 },
  listening: { name: 'listening', since: 1, ports: [80] },
  draining: { name: 'draining', since: 1, deadline: 50 },
  backoff: { name: 'backoff', since: 1, until: 40, reason: 'signal SIGKILL' },
};

const EVENTS: Readonly<Record<WorkerEvent['type'], WorkerEvent>> = {
  forked: { type: 'forked' },
  listening: { type: 'listening', ports: [80] },
  drained: { type: 'drained', deadline: 60 },
  exited: { type: 'exited', reason: 'exit code 1', retryAt: 70 },
};

const TABLE: readonly (readonly [WorkerStateName, WorkerEvent['type'], WorkerStateName])[] = [
  ['stopped', 'forked', 'starting'],
  ['stopped', 'listening', 'stopped'],
  ['stopped', 'drained', 'stopped'],
  ['stopped', 'exited', 'stopped'],
  ['starting', 'forked', 'starting'],
  ['starting', 'listening', 'listening'],
  ['starting', 'drained', 'draining'],
  ['starting', 'exited', 'backoff'],
  ['listening', 'forked', 'listening'],
  ['listening', 'listening', 'listening'],
  ['listening', 'drained', 'draining'],
  ['listening', 'exited', 'backoff'],
  ['draining', 'forked', 'draining'],
  ['draining', 'listening', 'draining'],
  ['draining', 'drained', 'draining'],
  ['draining', 'exited', 'stopped'],
  ['backoff', 'forked', 'starting'],
  ['backoff', 'listening', 'backoff'],
  ['backoff', 'drained', 'stopped'],
  ['backoff', 'exited', 'backoff'],
];

it.each(TABLE)('%s, when %s, is %s', (from, event, to) => {
  const before = STATES[from];
  const after = nextWorkerState(before, EVENTS[event], 9);
  expect(after.name).toBe(to);
  expect(after.since).toBe(from === to ? 1 : 9);
});

it('keeps what a state is made of', () => {
  expect(nextWorkerState(STATES.starting, EVENTS.listening, 9)).toMatchObject({ ports: [80] });
  expect(nextWorkerState(STATES.listening, EVENTS.drained, 9)).toMatchObject({ deadline: 60 });
  expect(nextWorkerState(STATES.listening, EVENTS.exited, 9)).toMatchObject({ until: 70, reason: 'exit code 1' });
});
