import { describe, expect, it } from 'vitest';
import { pacingWindowMs, readWorkerInfo } from './pacing.js';

const worker = (balancer: string, sessions: number, admissionPerSecond = 1000) => ({
  balancer,
  sessions,
  admissionPerSecond,
});

describe('the pacing window', () => {
  it('is the sessions of this machine over four fifths of what the others admit', () => {
    const workers = [worker('a', 30_000), worker('a', 50_000), worker('b', 1, 1000), worker('c', 1, 1000)];
    expect(pacingWindowMs('a', workers)).toBe(50_000);
  });

  it('of a machine alone counts on its other workers', () => {
    expect(pacingWindowMs('a', [worker('a', 4000), worker('a', 4000), worker('a', 0)])).toBe(5000);
    expect(pacingWindowMs('a', [worker('a', 800)])).toBe(1000);
  });

  it('of nobody is nothing', () => {
    expect(pacingWindowMs('a', [])).toBe(0);
    expect(pacingWindowMs('a', [worker('a', 800, 0)])).toBe(0);
  });
});

it.each([
  '',
  'null',
  '[]',
  '{}',
  '{"balancer":1,"sessions":1,"admissionPerSecond":1}',
  '{"balancer":"a","sessions":-1,"admissionPerSecond":1}',
])('understands nothing of a lease that says %j', (text) => {
  expect(readWorkerInfo(text)).toBeUndefined();
});
