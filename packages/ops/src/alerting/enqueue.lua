-- Queues messages, each id once for as long as ids are remembered.
--
-- Input:
--   KEYS[1]  hash of messages, KEYS[2] sorted set of due times, KEYS[3] sorted set of all ids ever queued
--   ARGV[1]  time in ms, ARGV[2] TTL in ms, then pairs: the id and the JSON of a message
--
-- Output: number of messages queued
local queued = 0
for at = 3, #ARGV, 2 do
  local id = ARGV[at]
  if not redis.call('ZSCORE', KEYS[3], id) then
    redis.call('ZADD', KEYS[3], ARGV[1], id)
    redis.call('HSET', KEYS[1], id, ARGV[at + 1])
    redis.call('ZADD', KEYS[2], ARGV[1], id)
    queued = queued + 1
  end
end
for key = 1, 3 do redis.call('PEXPIRE', KEYS[key], ARGV[2]) end
return queued
