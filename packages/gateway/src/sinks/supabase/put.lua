-- Appends rows to a bounded stream, from where any process delivers them. Rows that do not fit stay with the caller, which
-- counts them if they are lost: XADD with MAXLEN would drop rows silently. A duplicate row does no harm.
--
-- Input:
--   KEYS[1]   the stream of rows
--   ARGV[1]   maximum number of rows
--   ARGV[2]   TTL of the stream from now on, in ms
--   the rest  rows, each as JSON
--
-- Output:
--   1  number of rows appended, from the first on
--   2  number of rows in the stream

local function length()
  local found = redis.pcall('XLEN', KEYS[1])
  if type(found) == 'number' then return found end
  redis.call('DEL', KEYS[1])
  return 0
end

local function put()
  local room = math.max(0, tonumber(ARGV[1]) - length())
  local taken = math.min(room, #ARGV - 2)
  for at = 3, taken + 2 do redis.call('XADD', KEYS[1], '*', 'row', ARGV[at]) end
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return {
    taken,
    redis.call('XLEN', KEYS[1]),
  }
end

return put()
