/**
 * The life of one worker slot, pure: a slot keeps its number, the processes in it come and go.
 *
 *   stopped ─forked→ starting ─listening→ listening ─drained→ draining ─exited→ stopped
 *                       │ exited              │ exited
 *                       └───────→ backoff ←───┘      backoff ─forked→ starting, ─drained→ stopped
 *
 * Whether a slot is filled again is decided here alone: a process that ends while draining is not replaced. Events that
 * do not fit a state change nothing, because a message and an exit can cross each other on the way.
 */

export type WorkerState =
  | { readonly name: 'starting'; readonly since: number }
  | { readonly name: 'listening'; readonly since: number; readonly ports: readonly number[] }
  /** `deadline`: when the worker should have ended by itself. */
  | { readonly name: 'draining'; readonly since: number; readonly deadline: number }
  | { readonly name: 'backoff'; readonly since: number; readonly until: number; readonly reason: string }
  | { readonly name: 'stopped'; readonly since: number };

export type WorkerStateName = WorkerState['name'];

export type WorkerEvent =
  | { readonly type: 'forked' }
  | { readonly type: 'listening'; readonly ports: readonly number[] }
  | { readonly type: 'drained'; readonly deadline: number }
  | { readonly type: 'exited'; readonly reason: string; readonly retryAt: number };

export const WORKER_STATE_NAMES: readonly WorkerStateName[] = [
  'starting',
  'listening',
  'draining',
  'backoff',
  'stopped',
];

export function nextWorkerState(state: WorkerState, event: WorkerEvent, now: number): WorkerState {
  switch (event.type) {
    case 'forked':
      return state.name === 'stopped' || state.name === 'backoff' ? { name: 'starting', since: now } : state;
    case 'listening':
      return state.name === 'starting' ? { name: 'listening', since: now, ports: event.ports } : state;
    case 'drained':
      return afterDrain(state, event.deadline, now);
    case 'exited':
      return afterExit(state, event, now);
  }
}

export function hasProcess(state: WorkerState): boolean {
  return state.name === 'starting' || state.name === 'listening' || state.name === 'draining';
}

function afterDrain(state: WorkerState, deadline: number, now: number): WorkerState {
  switch (state.name) {
    case 'starting':
    case 'listening':
      return { name: 'draining', since: now, deadline };
    case 'backoff':
      return { name: 'stopped', since: now };
    case 'draining':
    case 'stopped':
      return state;
  }
}

function afterExit(
  state: WorkerState,
  event: { readonly reason: string; readonly retryAt: number },
  now: number,
): WorkerState {
  switch (state.name) {
    case 'starting':
    case 'listening':
      return { name: 'backoff', since: now, until: event.retryAt, reason: event.reason };
    case 'draining':
      return { name: 'stopped', since: now };
    case 'backoff':
    case 'stopped':
      return state;
  }
}
