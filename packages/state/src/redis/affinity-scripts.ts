/** The scripts of the affinity map. What all scripts keep to stands in scripts.ts. */

/**
 * Binds unless bound; answers whom the key is bound to afterwards. The life starts anew for winner and loser alike.
 *
 * KEYS[1]  the affinity key
 * ARGV[1]  backend id to bind
 * ARGV[2]  time to live, milliseconds
 */
export const CLAIM_LUA = `
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
export const REPLACE_LUA = `
local bound = redis.call('GET', KEYS[1])
if bound and bound ~= ARGV[1] then
  return bound
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return ARGV[2]
`;
