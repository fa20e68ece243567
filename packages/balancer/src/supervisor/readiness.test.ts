import { expect, it } from 'vitest';
import { readinessOf } from './readiness.js';
import type { SupervisorReport, WorkerReport } from './report.js';

const worker: WorkerReport = {
  id: 1,
  pid: 7,
  state: 'listening',
  part: 'member',
  forMs: 1,
  restarts: 0,
  isOverBudget: false,
  isBlocked: false,
  connections: 0,
  eventLoopLagMs: 1,
  topics: undefined,
  lastExit: undefined,
  retryInMs: undefined,
};
const missing: WorkerReport = { ...worker, id: 2, pid: undefined, state: 'backoff', lastExit: 'signal SIGSEGV' };

type Facts = Parameters<typeof readinessOf>[0];
const well: Facts = {
  lifecycle: 'running',
  workers: [worker],
  stateEngine: 'redis',
  stateHealth: { status: 'ok', detail: undefined },
};

it.each<[string, Partial<Facts>, string, boolean]>([
  ['all is well', {}, 'ready', true],
  ['it starts', { lifecycle: 'starting' }, 'starting', false],
  ['it drains', { lifecycle: 'draining' }, 'draining', false],
  ['it stops', { lifecycle: 'stopping' }, 'draining', false],
  ['a worker is missing', { workers: [worker, missing] }, 'degraded', true],
  ['all workers are missing', { workers: [missing] }, 'down', false],
  ['a worker is blocked', { workers: [{ ...worker, isBlocked: true }] }, 'degraded', true],
  ['the shared state is gone', { stateHealth: { status: 'degraded', detail: 'timed out' } }, 'degraded', true],
])('when %s', (_, facts, status, isReady) => {
  expect(readinessOf({ ...well, ...facts })).toMatchObject({ status, isReady });
});

it('says what is degraded', () => {
  const stateHealth: SupervisorReport['stateHealth'] = { status: 'degraded', detail: 'timed out' };
  expect(readinessOf({ ...well, workers: [worker, missing], stateHealth }).checks).toEqual({
    workers: { status: 'degraded', detail: 'worker 2: backoff after signal SIGSEGV' },
    sharedState: { status: 'degraded', detail: 'redis: timed out' },
  });
});

it('is not touched by a worker that gives its place to another', () => {
  const workers: readonly WorkerReport[] = [
    worker,
    { ...worker, id: 2, part: 'retired', state: 'draining' },
    { ...worker, id: 3, part: 'successor', state: 'starting' },
  ];
  const facts = { lifecycle: 'running', workers, stateEngine: 'embedded', stateHealth: { status: 'ok' } } as const;
  expect(readinessOf({ ...facts, stateHealth: { status: 'ok', detail: undefined } }).status).toBe('ready');
});
