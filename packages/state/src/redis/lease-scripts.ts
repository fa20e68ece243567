/**
 * The scripts of the leases. All are fields of one HASH, since each renewal reads them all: `<ends at, ms>:<kind>:<info>` by
 * id. Time is the server's, so that no machine's clock matters. A key per lease, ended by Redis, was rejected: reading them all
 * would need SCAN, or a set of their names that has the same dead entries to sweep.
 *
 * KEYS[1]  the leases
 */

/**
 * Renews one lease and answers all that are alive. Fields that are not a lease of ours are swept like dead ones.
 *
 * ARGV  id, `<kind>:<info>`, ttlMs, most leases
 * Answers {'renewed', id, lease, id, lease …}, each lease as it is stored, or {'full'}
 */
export const RENEW_LUA = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local all = redis.call('HGETALL', KEYS[1])
local alive = {'renewed'}
for i = 1, #all, 2 do
  local endsAt = tonumber(string.match(all[i + 1], '^(%d+):') or '0')
  if endsAt <= now then
    redis.call('HDEL', KEYS[1], all[i])
  elseif all[i] ~= ARGV[1] then
    alive[#alive + 1] = all[i]
    alive[#alive + 1] = all[i + 1]
  end
end
if #alive >= 2 * tonumber(ARGV[4]) + 1 then return {'full'} end
local mine = string.format('%.0f', now + tonumber(ARGV[3])) .. ':' .. ARGV[2]
redis.call('HSET', KEYS[1], ARGV[1], mine)
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
alive[#alive + 1] = ARGV[1]
alive[#alive + 1] = mine
return alive
`;
