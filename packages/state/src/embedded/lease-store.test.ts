import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MAX_LEASES } from '../lease-store.js';
import { EmbeddedLeases } from './lease-store.js';

const leaseOf = (id: string, ttlMs = 1000) => ({ id, kind: 'worker', info: '', ttlMs }) as const;

describe('EmbeddedLeases', () => {
  let leases: EmbeddedLeases;
  beforeEach(() => {
    vi.useFakeTimers();
    leases = new EmbeddedLeases();
  });
  afterEach(() => {
    leases.close();
    vi.useRealTimers();
  });

  it('shows a lease until the moment that it ends', () => {
    leases.renew(leaseOf('short'));
    vi.advanceTimersByTime(999);
    expect(leases.renew(leaseOf('other'))).toHaveLength(2);
    vi.advanceTimersByTime(1);
    expect(leases.renew(leaseOf('other'))).toEqual([{ id: 'other', kind: 'worker', info: '' }]);
  });

  it('refuses one lease too many rather than throw a living one out, and takes it when there is room', () => {
    for (let i = 0; i < MAX_LEASES; i += 1) leases.renew(leaseOf(`w${i}`, i === 0 ? 500 : 1000));
    expect(() => leases.renew(leaseOf('late'))).toThrow(expect.objectContaining({ code: 'STATE_UNAVAILABLE' }));
    expect(leases.renew(leaseOf('w1'))).toHaveLength(MAX_LEASES);
    vi.advanceTimersByTime(500);
    expect(leases.renew(leaseOf('late'))).toHaveLength(MAX_LEASES);
  });
});
