/**
 * The scripts of the sessions; the embedded store (embedded/session-store.ts) has the same rules in TypeScript. What all
 * scripts keep to stands in scripts.ts.
 *
 * KEYS[1]  the record, a HASH: pool principal backend incarnation worker generation, checkpointHandled checkpointState,
 *          parkedGeneration parkedHandled parkedReceived parkedLastDown parkedAckedDown parkedComplete parkedState,
 *          tailLast tailCount tailBytes
 * KEYS[2]  the tail, a STREAM: id `<n>-0`, one field, `t` (text) or `b` (binary), with the message
 *
 * Numbers come and go as decimal texts, compared as doubles: all are below 2^53. A record whose numbers are none was not
 * written by us; it is answered 'invalid' rather than run into, since an error of a script reads like one of the server.
 */

/** Begins each script: answers when there is no record of ours, and leaves its generation in `generation`. */
const WITH_RECORD = `
local stored = redis.call('HGET', KEYS[1], 'generation')
if not stored then return {'unknown'} end
local generation = tonumber(stored)
if not generation then return {'invalid'} end
`;

const KEEP_TAIL = `
local left = redis.call('PTTL', KEYS[2])
if left >= 0 and left < tonumber(grace) then redis.call('PEXPIRE', KEYS[2], grace) end
`;

/**
 * Writes a new session down, or one that lived through an outage.
 *
 * ARGV  pool, principal, backend, incarnation, worker, ttlMs, minGeneration (0: none)
 * Answers {'created'}, {'taken'} or {'invalid'}
 */
export const CREATE_LUA: string = `
local wanted = tonumber(ARGV[7])
local stored = redis.call('HMGET', KEYS[1], 'generation', 'backend', 'incarnation', 'worker')
if stored[1] then
  local generation = tonumber(stored[1])
  if not generation then return {'invalid'} end
  if generation > wanted then return {'taken'} end
  if generation == wanted then
    local mine = stored[2] == ARGV[3] and stored[3] == ARGV[4] and stored[4] == ARGV[5]
    return {mine and 'created' or 'taken'}
  end
end
redis.call('HDEL', KEYS[1], 'parkedGeneration', 'parkedHandled', 'parkedReceived', 'parkedLastDown',
  'parkedAckedDown', 'parkedComplete', 'parkedState', 'tailLast', 'tailCount', 'tailBytes')
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[1], 'pool', ARGV[1], 'principal', ARGV[2], 'backend', ARGV[3], 'incarnation', ARGV[4],
  'worker', ARGV[5], 'generation', wanted > 0 and ARGV[7] or '1')
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return {'created'}
`;

/**
 * A client came back.
 *
 * ARGV  principal, worker, generation of the hint, ttlMs, least life of the tail in ms
 * Answers {'resumed', generation before, record}, {'unknown'}, {'forbidden'} or {'invalid'}
 */
export const RESUME_LUA: string = `
${WITH_RECORD}
if redis.call('HGET', KEYS[1], 'principal') ~= ARGV[1] then return {'forbidden'} end
local claimed = math.max(generation, tonumber(ARGV[3])) + 1
redis.call('HSET', KEYS[1], 'worker', ARGV[2], 'generation', string.format('%.0f', claimed))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
local grace = ARGV[5]
${KEEP_TAIL}
return {'resumed', stored, redis.call('HGETALL', KEYS[1])}
`;

/**
 * Another backend, unless somebody claimed the session since.
 *
 * ARGV  generation that is expected, backend, incarnation, worker, ttlMs, least life of the tail in ms
 * Answers {'rebound', '', record}, {'fenced', generation}, {'unknown'} or {'invalid'}
 */
export const REBIND_LUA: string = `
${WITH_RECORD}
local expected = tonumber(ARGV[1])
if generation > expected then return {'fenced', stored} end
redis.call('HSET', KEYS[1], 'backend', ARGV[2], 'incarnation', ARGV[3], 'worker', ARGV[4],
  'generation', string.format('%.0f', expected + 1))
redis.call('PEXPIRE', KEYS[1], ARGV[5])
local grace = ARGV[6]
${KEEP_TAIL}
return {'rebound', '', redis.call('HGETALL', KEYS[1])}
`;

/**
 * Parks. The bounds are looked at before the first write, so that a refused call leaves nothing behind. What was overtaken by a
 * later park of its generation changes nothing; a complete one is the last, though it may have received less.
 *
 * ARGV  1 generation, 2 windowMs, 3 handled, 4 received, 5 lastDown, 6 ackedDown, 7 complete (0 or 1),
 *       8 has a state (0 or 1), 9 state, 10 most entries, 11 most bytes, then for each entry n, 't' or 'b', message
 * Answers {'parked'}, {'fenced'}, {'unknown'}, {'full'}, {'hole'} or {'invalid'}
 */
export const PARK_LUA: string = `
${WITH_RECORD}
local mine = tonumber(ARGV[1])
if mine < generation then return {'fenced'} end
local parked = redis.call('HMGET', KEYS[1], 'parkedGeneration', 'parkedHandled', 'parkedReceived', 'parkedLastDown',
  'parkedComplete', 'tailLast', 'tailCount', 'tailBytes')
local appends = parked[1] and tonumber(parked[1]) == mine
local last, count, bytes = nil, 0, 0
if appends then
  local handled, received, lastDown = tonumber(parked[2]), tonumber(parked[3]), tonumber(parked[4])
  if not (handled and received and lastDown) then return {'invalid'} end
  if tonumber(ARGV[3]) < handled or tonumber(ARGV[5]) < lastDown
    or (ARGV[7] == '0' and (parked[5] == '1' or tonumber(ARGV[4]) < received)) then return {'parked'} end
  last, count, bytes = tonumber(parked[6] or ''), tonumber(parked[7] or ''), tonumber(parked[8] or '')
  if not (count and bytes) then return {'invalid'} end
end

local first = 12
while last and ARGV[first] and tonumber(ARGV[first]) <= last do first = first + 3 end
if last and ARGV[first] and tonumber(ARGV[first]) ~= last + 1 then return {'hole'} end
local tailLast = parked[6]
for i = first, #ARGV, 3 do
  count = count + 1
  bytes = bytes + #ARGV[i + 2]
  tailLast = ARGV[i]
end
if count > tonumber(ARGV[10]) or bytes > tonumber(ARGV[11]) then return {'full'} end

if not appends then
  redis.call('DEL', KEYS[2])
  redis.call('HDEL', KEYS[1], 'tailLast')
end
for i = first, #ARGV, 3 do
  redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[10], ARGV[i] .. '-0', ARGV[i + 1], ARGV[i + 2])
end
redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'parkedGeneration', ARGV[1], 'parkedHandled', ARGV[3],
  'parkedReceived', ARGV[4], 'parkedLastDown', ARGV[5], 'parkedAckedDown', ARGV[6], 'parkedComplete', ARGV[7],
  'tailCount', count, 'tailBytes', bytes)
if first <= #ARGV then redis.call('HSET', KEYS[1], 'tailLast', tailLast) end
if ARGV[8] == '1' then
  redis.call('HSET', KEYS[1], 'parkedState', ARGV[9])
else
  redis.call('HDEL', KEYS[1], 'parkedState')
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return {'parked'}
`;

/**
 * A checkpoint. The window of a session that this generation has parked goes on.
 *
 * ARGV  generation, handled, state, ttlMs
 * Answers {'committed'}, {'fenced'}, {'unknown'} or {'invalid'}
 */
export const COMMIT_LUA: string = `
${WITH_RECORD}
local mine = tonumber(ARGV[1])
local known = redis.call('HMGET', KEYS[1], 'checkpointHandled', 'parkedGeneration')
local handled = tonumber(known[1] or '0')
if not handled then return {'invalid'} end
if mine < generation or tonumber(ARGV[2]) < handled then return {'fenced'} end
redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'checkpointHandled', ARGV[2], 'checkpointState', ARGV[3])
if known[2] ~= ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
return {'committed'}
`;

/**
 * The end of a session.
 *
 * ARGV  generation
 * Answers {'removed'}, {'fenced'}, {'unknown'} or {'invalid'}
 */
export const REMOVE_LUA: string = `
${WITH_RECORD}
if tonumber(ARGV[1]) < generation then return {'fenced'} end
redis.call('DEL', KEYS[1], KEYS[2])
return {'removed'}
`;
