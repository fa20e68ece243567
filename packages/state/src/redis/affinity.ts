/** AffinityStore in Redis: one command or script per call. */
import { checkAffinityKey, checkBackendId, checkTtlMs } from '../arguments.js';
import { believed } from '../session-values.js';
import type { AffinityStore } from '../shared-state.js';
import { storedAt, type ConnectionFor, type RedisAccess } from './access.js';
import { affinityKey } from './keys.js';

export function createRedisAffinity({ prefix, run }: RedisAccess): AffinityStore {
  return {
    lookup: (pool, key) =>
      run('affinity.lookup', async (connectionFor) => {
        const redisKey = affinityKey(prefix, checkAffinityKey(pool, key));
        const reply = await connectionFor(redisKey).get(redisKey);
        return reply === null ? undefined : readBackendId(reply, redisKey);
      }),
    claim: (...args) => run('affinity.claim', (connectionFor) => claim(prefix, connectionFor, args)),
    replace: (...args) => run('affinity.replace', (connectionFor) => replace(prefix, connectionFor, args)),
  };
}

async function claim(
  prefix: string,
  connectionFor: ConnectionFor,
  [pool, key, backendId, ttlMs]: Parameters<AffinityStore['claim']>,
): Promise<string> {
  const redisKey = affinityKey(prefix, checkAffinityKey(pool, key));
  checkBackendId(backendId);
  checkTtlMs(ttlMs);
  return readBackendId(await connectionFor(redisKey).affinityClaim(redisKey, backendId, ttlMs), redisKey);
}

async function replace(
  prefix: string,
  connectionFor: ConnectionFor,
  [pool, key, expected, backendId, ttlMs]: Parameters<AffinityStore['replace']>,
): Promise<string> {
  const redisKey = affinityKey(prefix, checkAffinityKey(pool, key));
  checkBackendId(expected, 'expected backend id');
  checkBackendId(backendId);
  checkTtlMs(ttlMs);
  const reply = await connectionFor(redisKey).affinityReplace(redisKey, expected, backendId, ttlMs);
  return readBackendId(reply, redisKey);
}

function readBackendId(reply: unknown, redisKey: string): string {
  return believed(() => checkBackendId(reply), storedAt(redisKey));
}
