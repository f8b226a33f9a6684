-- Deletes delivered rows, and returns the next ones to the process with the lease. Rows stay in the stream until they are
-- delivered: after a crash, the next process delivers some of them again. The lease only avoids duplicate work.
--
-- Input:
--   KEYS[1]   the stream of rows
--   KEYS[2]   the lease
--   ARGV[1]   id of the calling process
--   ARGV[2]   duration of the lease, in ms
--   ARGV[3]   maximum number of rows; 0 releases the lease
--   the rest  ids of delivered rows
--
-- Output:
--   1  number of rows left
--   2  ids and fields of the next rows; empty if the stream is empty, or another process holds the lease

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
  local own = not holder or holder == ARGV[1]
  if left == 0 or ARGV[3] == '0' or not own then
    if holder and own then redis.call('DEL', KEYS[2]) end
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
