/** What every engine must show of leases: everybody sees all that are alive, and nobody longer than they are. */
import { randomUUID } from 'node:crypto';
import { expect, it, vi } from 'vitest';
import { MAX_LEASE_INFO_BYTES, type Lease, type LeaseStore } from '../lease-store.js';
import { LONG_MS, SHORT_MS, WAIT, type Pair } from './pair.js';

export function describeLeases(pair: Pair): void {
  const stores = (): readonly [LeaseStore, LeaseStore] => [pair()[0].leases, pair()[1].leases];
  describeLives(stores);
  describeBounds(() => stores()[0]);
}

function describeLives(stores: () => readonly [LeaseStore, LeaseStore]): void {
  it('shows each that renews all that are alive, itself included, as they last renewed', async () => {
    const [one, two] = stores();
    const [a, b] = [leaseOf({ info: '{"n":1}:ž🐎\n' }), leaseOf({ kind: 'balancer', info: '' })];
    expect(await one.renew(a)).toContainEqual(shown(a));
    expect(await two.renew(b)).toEqual(expect.arrayContaining([shown(a), shown(b)]));
    const later = { ...a, info: '{"n":2}' };
    const all = await one.renew(later);
    expect(all.filter(({ id }) => id === a.id)).toEqual([shown(later)]);
    expect(all.filter(({ id }) => id === b.id)).toEqual([shown(b)]);
  });

  it('shows a lease no longer than it lives, and one that renews for as long as it does', async () => {
    const [one, two] = stores();
    const [dies, lives, watcher] = [leaseOf({ ttlMs: SHORT_MS }), leaseOf({ ttlMs: SHORT_MS }), leaseOf()];
    await one.renew(dies);
    await one.renew(lives);
    await vi.waitFor(async () => {
      await one.renew(lives);
      const ids = idsOf(await two.renew(watcher));
      expect(ids).toContain(lives.id);
      expect(ids).not.toContain(dies.id);
    }, WAIT);
  });

  it('does not let the lease that ends first take the others along', async () => {
    const [one, two] = stores();
    const [long, short] = [leaseOf({ ttlMs: LONG_MS }), leaseOf({ ttlMs: SHORT_MS })];
    await one.renew(long);
    await one.renew(short);
    await vi.waitFor(async () => {
      const ids = idsOf(await two.renew(long));
      expect(ids).not.toContain(short.id);
    }, WAIT);
    expect(idsOf(await one.renew(leaseOf()))).toContain(long.id);
  });

  it('forgets a lease that is released, at once; one that is not there is no mistake', async () => {
    const [one, two] = stores();
    const [gone, watcher] = [leaseOf(), leaseOf()];
    await one.renew(gone);
    await two.release(gone.id);
    await two.release(gone.id);
    expect(idsOf(await one.renew(watcher))).not.toContain(gone.id);
  });
}

function describeBounds(store: () => LeaseStore): void {
  it('takes info up to its bound', async () => {
    const largest = leaseOf({ info: 'é'.repeat(MAX_LEASE_INFO_BYTES / 2) });
    expect(await store().renew(largest)).toContainEqual(shown(largest));
  });

  it.each<[string, Partial<Lease>]>([
    ['an empty id', { id: '' }],
    ['an id that is too long', { id: 'x'.repeat(129) }],
    ['another kind', { kind: 'backend' as never }],
    ['too much info', { info: 'x'.repeat(MAX_LEASE_INFO_BYTES + 1) }],
    ['info that is not Unicode', { info: '\ud800' }],
    ['no life', { ttlMs: 0 }],
  ])('refuses a lease with %s', async (_, fields) => {
    await expect(store().renew(leaseOf(fields))).rejects.toMatchObject({
      code: 'STATE_INVALID_ARGUMENT',
      retryable: false,
    });
  });
}

function leaseOf(fields: Partial<Lease> = {}): Lease {
  return { id: randomUUID(), kind: 'worker', info: '{}', ttlMs: LONG_MS, ...fields };
}

function shown({ id, kind, info }: Lease): object {
  return { id, kind, info };
}

function idsOf(leases: readonly { readonly id: string }[]): readonly string[] {
  return leases.map(({ id }) => id);
}
