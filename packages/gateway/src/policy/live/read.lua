-- Tells what is in force, unless who asks knows it already, or it is larger than any policy of ours.
--
-- Input:
--   KEYS[1]  what is in force
--   ARGV[1]  the version that who asks knows; 0: none
--   ARGV[2]  bytes of a change at most
--
-- Output:
--   1  version in force; 0: there is none; -1: what is there is not one of ours
--   2  bytes of the change
--   3  the change; empty: it is known, or too large

local function answer(version, bytes, change)
  return {
    version,
    bytes,
    change,
  }
end

local found = redis.pcall('HGET', KEYS[1], 'version')
if type(found) == 'table' and found.err then return answer(-1, 0, '') end
if not found then return answer(0, 0, '') end
if not string.match(found, '^[1-9]%d*$') or #found > 15 then return answer(-1, 0, '') end

local bytes = redis.call('HSTRLEN', KEYS[1], 'change')
if found == ARGV[1] or bytes > tonumber(ARGV[2]) then return answer(tonumber(found), bytes, '') end
return answer(tonumber(found), bytes, redis.call('HGET', KEYS[1], 'change') or '')
