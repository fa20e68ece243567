/**
 * The scripts of the topics. The embedded store has the same rules in TypeScript.
 *
 *   meta  HASH: epoch, top (last offset), history (the server's that wrote it), logged (last offset that the log has)
 *   log   STREAM: id `<offset>-<published ms>`, one field, `t` (text) or `b` (binary), with the message
 *
 * The fence: `history` is the replication id of the server that wrote last. A server gets another one whenever it starts, and
 * whenever it is made a master, so a promoted replica, which may have missed the last messages, is told from a server that
 * has them all; then the epoch is a new one. The run id of the process was rejected: a master that was made a replica and then
 * a master again has kept it, and lost messages. It is asked for within the script (2 µs): what a connection once
 * learned about its server may be over.
 *
 * `logged` is behind `top` where messages were published that were not to be kept: such a log has an end that is no more
 * contiguous, and is not read.
 */

/** Leaves `history`, or answers. */
const HISTORY = `
local history = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
if not history then return redis.error_reply('NOFENCE no master_replid in INFO replication') end
`;

/** Leaves `now`, in ms. */
const NOW = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
`;

/** Leaves `fenced(key, candidate)`: epoch, top and logged as texts, and whether they have to be written. */
const FENCE = `
${HISTORY}
local function fenced(key, candidate)
  local meta = redis.call('HMGET', key, 'epoch', 'top', 'history', 'logged')
  if not meta[1] then return candidate, '0', false, true end
  if meta[3] ~= history then return candidate, meta[2], meta[4], true end
  return meta[1], meta[2], meta[4], false
end
`;

/** Leaves `enter(key, candidate, ttl)`: epoch, top and logged, written down where they are new. */
const ENTER = `
${FENCE}
local function enter(key, candidate, ttl)
  local epoch, top, logged, isNew = fenced(key, candidate)
  if isNew then redis.call('HSET', key, 'epoch', epoch, 'top', top or '', 'history', history) end
  local left = redis.call('PTTL', key)
  if left < tonumber(ttl) / 2 then redis.call('PEXPIRE', key, ttl) end
  return epoch, top, logged
end
`;

/**
 * Publishes. What is too old is looked for at each eighth message, and then up to 16 are dropped: twice as many as come.
 *
 * KEYS  meta; the log, if messages are kept; the idempotency key, if there is one
 * ARGV  1 epoch if a new one is needed, 2 most messages kept, 3 for how many ms, 4 ttl of meta in ms, 5 channel,
 *       6 PUBLISH or SPUBLISH, 7 't' or 'b', 8 the message, 9 ttl of the idempotency key in ms (0: none)
 * Answers {'published', epoch, offset}, {'repeat', `<epoch>:<offset>`} or {'invalid'}
 */
export const PUBLISH_LUA: string = `
local once = ARGV[9] ~= '0' and KEYS[#KEYS]
if once then
  local first = redis.call('GET', once)
  if first then return {'repeat', first} end
end
${FENCE}
local epoch, before, logged, isNew = fenced(KEYS[1], ARGV[1])
local top = tonumber(before or '')
if not top then return {'invalid'} end
local offset = string.format('%.0f', top + 1)
${NOW}
local ms = string.format('%.0f', now)
if ARGV[2] ~= '0' then
  local log = KEYS[2]
  if logged ~= before then redis.call('DEL', log) end
  redis.call('XADD', log, 'MAXLEN', ARGV[2], offset .. '-' .. ms, ARGV[7], ARGV[8])
  redis.call('PEXPIRE', log, ARGV[3])
  if (top + 1) % 8 == 0 then
    local oldest = now - tonumber(ARGV[3])
    local function isOld(entry) return tonumber(string.match(entry[1], '%-(%d+)$')) < oldest end
    local first = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)
    if first[1] and isOld(first[1]) then
      local old = {}
      for _, entry in ipairs(redis.call('XRANGE', log, '-', '+', 'COUNT', 16)) do
        if not isOld(entry) then break end
        old[#old + 1] = entry[1]
      end
      redis.call('XDEL', log, unpack(old))
    end
  end
  if isNew then
    redis.call('HSET', KEYS[1], 'top', offset, 'logged', offset, 'epoch', epoch, 'history', history)
  else
    redis.call('HSET', KEYS[1], 'top', offset, 'logged', offset)
  end
elseif isNew then
  redis.call('HSET', KEYS[1], 'top', offset, 'epoch', epoch, 'history', history)
else
  redis.call('HSET', KEYS[1], 'top', offset)
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
if once then redis.call('SET', once, epoch .. ':' .. offset, 'PX', ARGV[9]) end
redis.call(ARGV[6], ARGV[5], 'm' .. epoch .. ':' .. offset .. ':' .. ms .. ':' .. ARGV[7] .. ':' .. ARGV[8])
return {'published', epoch, offset}
`;

/**
 * A page of kept messages. The first that is not too old is looked for by halves, since between two publishes nobody drops
 * any. Entries are fetched in small groups, so that a page of large ones is never fetched to be thrown away.
 *
 * KEYS  meta, log
 * ARGV  1 epoch if a new one is needed, 2 ttl of meta in ms, 3 since ('' for none), 4 limit, 5 '1' for newest first,
 *       6 most ms of age, 7 most bytes
 * Answers {'page', epoch, top, first offset, id, kind, message, id, kind, message …} or {'invalid'}
 */
export const READ_LUA: string = `
${ENTER}
local epoch, topText, logged = enter(KEYS[1], ARGV[1], ARGV[2])
local top = tonumber(topText or '')
if not top then return {'invalid'} end
${NOW}
local oldest = now - tonumber(ARGV[6])
local function text(number) return string.format('%.0f', number) end
local function offsetOf(entry) return tonumber(string.match(entry[1], '^(%d+)')) end
local function isOld(entry) return tonumber(string.match(entry[1], '%-(%d+)$')) < oldest end
local function from(offset) return redis.call('XRANGE', KEYS[2], text(offset), '+', 'COUNT', 1)[1] end

local first = top + 1
local lowest = logged == topText and from(0)
if lowest then
  first = offsetOf(lowest)
  if isOld(lowest) then
    local low, high = first + 1, top + 1
    while low < high do
      local middle = math.floor((low + high) / 2)
      local entry = from(middle)
      if entry and isOld(entry) then low = middle + 1 else high = middle end
    end
    first = low
  end
end

local page = {'page', epoch, topText, text(first)}
local isReverse, since = ARGV[5] == '1', tonumber(ARGV[3])
local low, high = first, top
if isReverse and since then high = math.min(top, since - 1) end
if not isReverse and since then low = math.max(first, since + 1) end
local left, bytes = tonumber(ARGV[4]), 0
while left > 0 and low <= high do
  local count = math.min(left, 16, high - low + 1)
  local group
  if isReverse then
    group = redis.call('XREVRANGE', KEYS[2], text(high), text(low), 'COUNT', count)
    high = high - count
  else
    group = redis.call('XRANGE', KEYS[2], text(low), text(high), 'COUNT', count)
    low = low + count
  end
  left = left - count
  for _, entry in ipairs(group) do
    bytes = bytes + #entry[2][2]
    if bytes > tonumber(ARGV[7]) and #page > 4 then return page end
    page[#page + 1] = entry[1]
    page[#page + 1] = entry[2][1]
    page[#page + 1] = entry[2][2]
  end
end
return page
`;

/**
 * Where topics are.
 *
 * KEYS  meta of each
 * ARGV  ttl of meta in ms, then for each topic an epoch if a new one is needed
 * Answers {'positions', epoch, top, epoch, top …}
 */
export const POSITIONS_LUA: string = `
${ENTER}
local positions = {'positions'}
for i, key in ipairs(KEYS) do
  local epoch, top = enter(key, ARGV[i + 1], ARGV[1])
  positions[#positions + 1] = epoch
  positions[#positions + 1] = top or ''
end
return positions
`;
