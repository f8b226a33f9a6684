-- Puts rows by for whoever can deliver them. What does not fit any more stays with who brought it, where it is counted
-- when it is lost: a stream that trimmed itself would lose rows silently. A row may come twice, and does no harm.
--
-- Input:
--   KEYS[1]   the stream of rows
--   ARGV[1]   how many rows it may hold
--   ARGV[2]   how long it is kept from now on, in ms
--   the rest  rows, each as JSON
--
-- Output:
--   1  how many of the rows were taken, from the first on
--   2  how many are there now

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
