-- Puts a change in force, adds it to the history, and publishes it: all of it, or nothing on a version conflict.
-- Neither key expires: a policy must not vanish. There are two keys, both of bounded size.
--
-- Input:
--   KEYS[1]  the change in force: its version, a line break, the change
--   KEYS[2]  changes, newest first
--   ARGV[1]  the version that the change is based on; 0: none
--   ARGV[2]  its own version
--   ARGV[3]  the change
--   ARGV[4]  number of changes kept in the history
--   ARGV[5]  largest size of the history, in bytes
--   ARGV[6]  the channel to publish on
--
-- Output:
--   1  written, or conflict
--   2  version in force
--   3  number of subscribers reached, where Redis is one server

-- Any other value in this key counts as no policy.

local function in_force()
  local head = redis.pcall('GETRANGE', KEYS[1], 0, 14)
  local version = type(head) == 'string' and string.match(head, '^([1-9]%d*)\n')
  return version and tonumber(version) or 0
end

local function remember()
  local length = redis.pcall('LPUSH', KEYS[2], ARGV[3])
  if type(length) == 'table' then
    redis.call('DEL', KEYS[2])
    redis.call('LPUSH', KEYS[2], ARGV[3])
  end
  redis.call('LTRIM', KEYS[2], 0, tonumber(ARGV[4]) - 1)
  local kept, bytes = 0, 0
  for _, change in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
    bytes = bytes + #change
    if kept > 0 and bytes > tonumber(ARGV[5]) then break end
    kept = kept + 1
  end
  redis.call('LTRIM', KEYS[2], 0, kept - 1)
end

local function answer(outcome, version, told)
  return {
    outcome,
    version,
    told,
  }
end

local current = in_force()
if current ~= tonumber(ARGV[1]) or current >= tonumber(ARGV[2]) then return answer('conflict', current, 0) end
redis.call('SET', KEYS[1], ARGV[2] .. '\n' .. ARGV[3])
remember()
-- Without permission to publish the change still holds; other processes find it by polling.
local told = redis.pcall('PUBLISH', ARGV[6], ARGV[2])
return answer('written', tonumber(ARGV[2]), type(told) == 'number' and told or 0)
