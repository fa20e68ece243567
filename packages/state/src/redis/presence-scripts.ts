/**
 * The scripts of presence. Each change and its telling are one step, so each join and each leave is told once, by whoever
 * made it. Time is the server's.
 *
 * KEYS[1]  members    HASH: `<ends at, ms, or 0>:<bytes of the owner>:<owner><info>` by id; while it lingers it has an end, and
 *                     no owner
 * KEYS[2]  lingering  ZSET: ids of members that linger, by their ends: those whose time is over are found without
 *                     reading all
 * KEYS[3]  owners     HASH: how many members each owner has: who has none, which is nearly everybody, is swept at no cost
 *
 * All three live and end together. What one script reads or removes is bounded: a topic with 100,000 members must not keep
 * a server from everything else.
 */

const COMMON = `
local members, lingering, owners = KEYS[1], KEYS[2], KEYS[3]
local function parse(stored)
  local ends, length, rest = string.match(stored, '^(%d+):(%d+):(.*)$')
  if not ends then return 0, '', '' end
  length = tonumber(length)
  return tonumber(ends), string.sub(rest, 1, length), string.sub(rest, length + 1)
end
local function write(id, ends, owner, info)
  redis.call('HSET', members, id, string.format('%.0f', ends) .. ':' .. #owner .. ':' .. owner .. info)
end
local function count(owner, by)
  if owner ~= '' and redis.call('HINCRBY', owners, owner, by) <= 0 then redis.call('HDEL', owners, owner) end
end
local function release(id, owner)
  if owner == '' then redis.call('ZREM', lingering, id) else count(owner, -1) end
end
local function extend(ttl)
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ttl) end
end
local function tell(command, channel, what, id, info)
  redis.call(command, channel, 'p' .. cjson.encode({type = what, id = id, info = info}))
end
`;

const NOW = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
`;

/**
 * ARGV  1 PUBLISH or SPUBLISH, 2 channel, 3 ttl in ms, 4 id, 5 owner, 6 info, 7 most members
 * Answers {'joined'}, {'present'} or {'full'}
 */
export const JOIN_LUA: string = `
${COMMON}
local id, owner, info = ARGV[4], ARGV[5], ARGV[6]
local stored = redis.call('HGET', members, id)
if not stored and redis.call('HLEN', members) >= tonumber(ARGV[7]) then return {'full'} end
if stored then
  local _, previous = parse(stored)
  release(id, previous)
end
write(id, 0, owner, info)
count(owner, 1)
extend(ARGV[3])
if stored then return {'present'} end
tell(ARGV[1], ARGV[2], 'join', id, info)
return {'joined'}
`;

/**
 * ARGV  1 PUBLISH or SPUBLISH, 2 channel, 3 ttl in ms, 4 id, 5 owner
 * Answers {'left'}, {'elsewhere'} or {'absent'}
 */
export const LEAVE_LUA: string = `
${COMMON}
local id = ARGV[4]
local stored = redis.call('HGET', members, id)
if not stored then return {'absent'} end
local _, owner, info = parse(stored)
if owner ~= ARGV[5] then return {'elsewhere'} end
redis.call('HDEL', members, id)
release(id, owner)
extend(ARGV[3])
tell(ARGV[1], ARGV[2], 'leave', id, info)
return {'left'}
`;

/**
 * ARGV  1 ttl in ms, 2 id, 3 owner, 4 for how many ms
 * Answers {'lingering'}, {'elsewhere'} or {'absent'}
 */
export const LINGER_LUA: string = `
${COMMON}
local id = ARGV[2]
local stored = redis.call('HGET', members, id)
if not stored then return {'absent'} end
local _, owner, info = parse(stored)
if owner ~= ARGV[3] then return {'elsewhere'} end
${NOW}
local ends = now + tonumber(ARGV[4])
write(id, ends, '', info)
count(owner, -1)
redis.call('ZADD', lingering, ends, id)
extend(ARGV[1])
return {'lingering'}
`;

/**
 * One step of a sweep: those who have lingered long enough, and if there are no more of them than fit, dead owners' members
 * among the next ones of all.
 *
 * ARGV  1 PUBLISH or SPUBLISH, 2 channel, 3 ttl in ms, 4 cursor, 5 about how many at most, then dead owners
 * Answers {'swept', how many left, next cursor or ''}
 */
export const SWEEP_LUA: string = `
${COMMON}
${NOW}
local swept = 0
local function remove(id, owner, info)
  redis.call('HDEL', members, id)
  release(id, owner)
  tell(ARGV[1], ARGV[2], 'leave', id, info)
  swept = swept + 1
end
local function answer(cursor)
  if swept > 0 then extend(ARGV[3]) end
  return {'swept', tostring(swept), cursor}
end

local over = redis.call('ZRANGEBYSCORE', lingering, '-inf', now, 'LIMIT', 0, ARGV[5])
for _, id in ipairs(over) do
  local stored = redis.call('HGET', members, id)
  local ends, owner, info = parse(stored or '')
  if stored and owner == '' then remove(id, owner, info) else redis.call('ZREM', lingering, id) end
end
if #over == tonumber(ARGV[5]) then return answer(ARGV[4]) end

local dead, isAnyThere = {}, redis.call('EXISTS', owners) == 0
for i = 6, #ARGV do
  dead[ARGV[i]] = true
  isAnyThere = isAnyThere or redis.call('HEXISTS', owners, ARGV[i]) == 1
end
if #ARGV < 6 or not isAnyThere then return answer('') end
local scanned = redis.call('HSCAN', members, ARGV[4], 'COUNT', ARGV[5])
for i = 1, #scanned[2], 2 do
  local _, owner, info = parse(scanned[2][i + 1])
  if dead[owner] then remove(scanned[2][i], owner, info) end
end
return answer(scanned[1] == '0' and '' or scanned[1])
`;

/**
 * ARGV  most members listed
 * Answers {'members', total, id, owner, info, id, owner, info …}
 */
export const LIST_LUA: string = `
${COMMON}
${NOW}
local limit = tonumber(ARGV[1])
local total = redis.call('HLEN', members) - redis.call('ZCOUNT', lingering, '-inf', now)
local list, listed, cursor = {'members', tostring(math.max(total, 0))}, {}, '0'
repeat
  local scanned = redis.call('HSCAN', members, cursor, 'COUNT', math.min(limit, 1000))
  cursor = scanned[1]
  for i = 1, #scanned[2], 2 do
    local id = scanned[2][i]
    local ends, owner, info = parse(scanned[2][i + 1])
    if not listed[id] and (ends == 0 or ends > now) then
      listed[id] = true
      list[#list + 1] = id
      list[#list + 1] = owner
      list[#list + 1] = info
      limit = limit - 1
      if limit == 0 then return list end
    end
  end
until cursor == '0'
return list
`;
