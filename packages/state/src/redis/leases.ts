/** LeaseStore in Redis: one script per renewal, however many leases there are. */
import { invalid } from '../arguments.js';
import { StateError } from '../errors.js';
import { MAX_LEASES, type Lease, type LeaseStore, type LiveLease } from '../lease-store.js';
import { checkLease, checkLeaseId } from '../session-arguments.js';
import { believed, readLiveLeases } from '../session-values.js';
import { storedAt, type ConnectionFor, type RedisAccess } from './access.js';
import { leasesKey } from './keys.js';

export function createRedisLeases({ prefix, run }: RedisAccess): LeaseStore {
  const key = leasesKey(prefix);
  return {
    renew: (lease) => run('lease.renew', (connectionFor) => renew(key, connectionFor, lease)),
    release: (id) =>
      run('lease.release', async (connectionFor) => {
        checkLeaseId(id);
        await connectionFor(key).hdel(key, id);
      }),
  };
}

async function renew(key: string, connectionFor: ConnectionFor, lease: Lease): Promise<readonly LiveLease[]> {
  const { id, kind, info, ttlMs } = checkLease(lease);
  const reply = await connectionFor(key).leaseRenew(key, id, `${kind}:${info}`, ttlMs, MAX_LEASES);
  if (Array.isArray(reply) && reply[0] === 'full') throw tooManyLeases(key);
  return believed(() => readLiveLeases(leasesOf(reply)), storedAt(key));
}

/** `reply`: how it went, then id and lease by turns. */
function leasesOf(reply: unknown): readonly unknown[] {
  if (!Array.isArray(reply) || reply[0] !== 'renewed') throw invalid('leases', 'an array that says "renewed"', reply);
  return Array.from({ length: (reply.length - 1) / 2 }, (_, i) => leaseOf(reply[2 * i + 1], reply[2 * i + 2]));
}

function leaseOf(id: unknown, stored: unknown): object {
  const [, kind, info] = /^\d+:(\w+):(.*)$/s.exec(String(stored)) ?? [];
  return { id, kind, info };
}

function tooManyLeases(key: string): StateError {
  return new StateError(
    'STATE_UNAVAILABLE',
    `lease.renew: expected at most ${MAX_LEASES} living leases in ${key}, got one more`,
  );
}
