/**
 * The Lua scripts, each one atomic step on the keys of one hash tag. They are strings here rather than .lua files, so
 * that the compiled package is complete without a copying step. ioredis sends them by EVALSHA, once loaded, and loads
 * them again when the server has forgotten them.
 */
import type { Redis } from 'ioredis';

/**
 * Binds unless bound; answers whom the key is bound to afterwards. The life starts anew for winner and loser alike.
 *
 * KEYS[1]  the affinity key
 * ARGV[1]  backend id to bind
 * ARGV[2]  time to live, milliseconds
 */
const CLAIM_LUA = `
local bound = redis.call('GET', KEYS[1])
if bound then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return bound
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
`;

/**
 * Rebinds from the expected backend, or binds an unbound key; answers whom the key is bound to afterwards. When
 * somebody else was faster, nothing is written.
 *
 * KEYS[1]  the affinity key
 * ARGV[1]  backend id that is expected there
 * ARGV[2]  backend id to bind
 * ARGV[3]  time to live, milliseconds
 */
const REPLACE_LUA = `
local bound = redis.call('GET', KEYS[1])
if bound and bound ~= ARGV[1] then
  return bound
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return ARGV[2]
`;

/** In the form that ioredis wants for its `scripts` option. */
export const SCRIPTS: Readonly<Record<keyof ScriptCommands, { lua: string; numberOfKeys: number }>> = {
  affinityClaim: { lua: CLAIM_LUA, numberOfKeys: 1 },
  affinityReplace: { lua: REPLACE_LUA, numberOfKeys: 1 },
};

/** What ioredis makes of SCRIPTS. Replies are `unknown`: they are checked before anybody believes them. */
export interface ScriptCommands {
  affinityClaim(key: string, backendId: string, ttlMs: number): Promise<unknown>;
  affinityReplace(key: string, expected: string, backendId: string, ttlMs: number): Promise<unknown>;
}

export type RedisConnection = Redis & ScriptCommands;
