import type { HealthConfig } from '@holdfast/worker';
import { describe, expect, it } from 'vitest';
import { type HealthStatus, nextHealthStatus, recordCheck, UNCHECKED } from './health-state.js';

const config: HealthConfig = {
  type: 'tcp',
  path: '/',
  expect: { min: 200, max: 399 },
  intervalMs: 1000,
  timeoutMs: 500,
  fall: 3,
  rise: 2,
};

describe('health status', () => {
  it.each<{ from: HealthStatus; results: string; to: HealthStatus }>([
    { from: { name: 'unchecked' }, results: '+', to: { name: 'up', failed: 0 } },
    { from: { name: 'unchecked' }, results: '-', to: { name: 'down', passed: 0 } },
    { from: { name: 'up', failed: 0 }, results: '--', to: { name: 'up', failed: 2 } },
    { from: { name: 'up', failed: 0 }, results: '--+--', to: { name: 'up', failed: 2 } },
    { from: { name: 'up', failed: 0 }, results: '---', to: { name: 'down', passed: 0 } },
    { from: { name: 'down', passed: 0 }, results: '+', to: { name: 'down', passed: 1 } },
    { from: { name: 'down', passed: 0 }, results: '+-+', to: { name: 'down', passed: 1 } },
    { from: { name: 'down', passed: 0 }, results: '++', to: { name: 'up', failed: 0 } },
    // The file was reloaded with a smaller `fall` or `rise` meanwhile.
    { from: { name: 'up', failed: 9 }, results: '-', to: { name: 'down', passed: 0 } },
    { from: { name: 'down', passed: 9 }, results: '+', to: { name: 'up', failed: 0 } },
  ])('goes from $from over $results to $to', ({ from, results, to }) => {
    const end = [...results].reduce((status, result) => nextHealthStatus(status, result === '+', config), from);
    expect(end).toEqual(to);
  });
});

describe('health record', () => {
  it('counts, keeps the last error and smooths the round trip', () => {
    let record = recordCheck(UNCHECKED, { ok: true, rttMs: 8 }, config, 1);
    record = recordCheck(record, { ok: false, error: 'expected a connection, got none' }, config, 2);
    record = recordCheck(record, { ok: true, rttMs: 16 }, config, 3);
    expect(record).toEqual({
      status: { name: 'up', failed: 0 },
      checks: 3,
      failures: 1,
      rttMs: { last: 16, smoothed: 9 },
      lastError: 'expected a connection, got none',
      lastCheckAt: 3,
    });
  });
});
