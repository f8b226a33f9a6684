-- Forgets rows that have been delivered, and gives the next ones to who holds the lease. They stay in the stream until
-- they are delivered: who dies in between leaves them to the next, who delivers some of them again. The lease only
-- spares two the same work.
--
-- Input:
--   KEYS[1]   the stream of rows
--   KEYS[2]   the lease
--   ARGV[1]   who asks
--   ARGV[2]   how long the lease lasts, in ms
--   ARGV[3]   how many rows at most; 0: none, and the lease is let go
--   the rest  ids that have been delivered
--
-- Output:
--   1  how many rows are left
--   2  ids and fields of the next ones; none: the stream is empty, or somebody else is at it

local function length()
  local found = redis.pcall('XLEN', KEYS[1])
  if type(found) == 'number' then return found end
  redis.call('DEL', KEYS[1])
  return 0
end

local function next_rows(left)
  local holder = redis.pcall('GET', KEYS[2])
  if type(holder) == 'table' then
    redis.call('DEL', KEYS[2])
    holder = false
  end
  local ours = not holder or holder == ARGV[1]
  if left == 0 or ARGV[3] == '0' or not ours then
    if holder and ours then redis.call('DEL', KEYS[2]) end
    return {}
  end
  redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
  return redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', ARGV[3])
end

local function take()
  local left = length()
  if left > 0 then
    for at = 4, #ARGV do left = left - redis.call('XDEL', KEYS[1], ARGV[at]) end
  end
  return {
    left,
    next_rows(left),
  }
end

return take()
