/**
 * EmbeddedLeases: the leases of one machine's processes, in the memory of the supervisor. A full store refuses: throwing
 * a living process out of everybody's picture, as a cache would, is never right.
 */
import { StateError } from '../errors.js';
import { MAX_LEASES, type Lease, type LiveLease } from '../lease-store.js';
import { ExpiringMap } from './expiring-map.js';

export class EmbeddedLeases {
  readonly #leases = new ExpiringMap<LiveLease>({ maxEntries: MAX_LEASES });

  renew({ id, kind, info, ttlMs }: Lease): readonly LiveLease[] {
    // Reading all reclaims those that have run out, so that only living ones count.
    const others = [...this.#leases.live()].map(([, lease]) => lease).filter((lease) => lease.id !== id);
    if (others.length >= MAX_LEASES) throw tooManyLeases();
    const mine = { id, kind, info };
    this.#leases.set(id, mine, ttlMs);
    return [...others, mine];
  }

  release(id: string): void {
    this.#leases.delete(id);
  }

  close(): void {
    this.#leases.close();
  }
}

function tooManyLeases(): StateError {
  return new StateError('STATE_UNAVAILABLE', `lease.renew: expected at most ${MAX_LEASES} living leases, got one more`);
}
