/**
 * What active checks know about one backend. Pure: a result goes in, the next record comes out. A backend that was
 * never checked counts as up, so that a start does not wait for the checks; but nothing vouches for it either, so that
 * one failure is enough to take it down. After that it takes `fall` failures or `rise` successes in a row.
 */
import type { HealthConfig } from '@holdfast/worker';
import type { CheckResult } from './checks/check.js';

export type HealthStatus =
  | { readonly name: 'unchecked' }
  /** `failed`: in a row, so far. */
  | { readonly name: 'up'; readonly failed: number }
  /** `passed`: in a row, so far. */
  | { readonly name: 'down'; readonly passed: number };

export interface HealthRecord {
  readonly status: HealthStatus;
  readonly checks: number;
  readonly failures: number;
  /** Of checks that passed; absent before the first of them. */
  readonly rttMs: { readonly last: number; readonly smoothed: number } | undefined;
  /** Stays after a recovery: what was wrong the last time. */
  readonly lastError: string | undefined;
  readonly lastCheckAt: number | undefined;
}

export const UNCHECKED: HealthRecord = {
  status: { name: 'unchecked' },
  checks: 0,
  failures: 0,
  rttMs: undefined,
  lastError: undefined,
  lastCheckAt: undefined,
};

/** An eighth, as TCP smooths its round trips (RFC 6298). */
const SMOOTHING = 1 / 8;

export function nextHealthStatus(
  status: HealthStatus,
  passed: boolean,
  { fall, rise }: Pick<HealthConfig, 'fall' | 'rise'>,
): HealthStatus {
  switch (status.name) {
    case 'unchecked':
      return passed ? { name: 'up', failed: 0 } : { name: 'down', passed: 0 };
    case 'up':
      if (passed) return { name: 'up', failed: 0 };
      return status.failed + 1 >= fall ? { name: 'down', passed: 0 } : { name: 'up', failed: status.failed + 1 };
    case 'down':
      if (!passed) return { name: 'down', passed: 0 };
      return status.passed + 1 >= rise ? { name: 'up', failed: 0 } : { name: 'down', passed: status.passed + 1 };
  }
}

export function recordCheck(
  record: HealthRecord,
  result: CheckResult,
  config: HealthConfig,
  nowMs: number,
): HealthRecord {
  return {
    status: nextHealthStatus(record.status, result.ok, config),
    checks: record.checks + 1,
    failures: record.failures + (result.ok ? 0 : 1),
    rttMs: result.ok ? smooth(record.rttMs, result.rttMs) : record.rttMs,
    lastError: result.ok ? record.lastError : result.error,
    lastCheckAt: nowMs,
  };
}

function smooth(known: HealthRecord['rttMs'], rttMs: number): NonNullable<HealthRecord['rttMs']> {
  return { last: rttMs, smoothed: known === undefined ? rttMs : known.smoothed + (rttMs - known.smoothed) * SMOOTHING };
}
