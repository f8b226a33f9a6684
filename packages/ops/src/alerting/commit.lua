-- Writes the next state of all alerts together with the messages that it causes: both or neither. Refuses a monitor that
-- is no longer the leader, and one whose state is not the last.
--
-- Input:
--   KEYS[1]  lease of the leader
--   KEYS[2]  hash of the state: revision, json
--   KEYS[3]  hash of messages in the outbox, by id
--   KEYS[4]  sorted set of their ids, by the time when they are due
--   KEYS[5]  sorted set of all ids ever queued, by time
--   ARGV[1]  instance of the leader, ARGV[2] its expected revision, ARGV[3] the next state
--   ARGV[4]  time in ms, ARGV[5] TTL of the state in ms
--   then pairs: the id and the JSON of a message
--
-- Output:
--   1  written
--   0  refused
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if (redis.call('HGET', KEYS[2], 'revision') or '0') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[2], 'revision', tonumber(ARGV[2]) + 1, 'json', ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
for at = 6, #ARGV, 2 do
  local id = ARGV[at]
  if not redis.call('ZSCORE', KEYS[5], id) then
    redis.call('ZADD', KEYS[5], ARGV[4], id)
    redis.call('HSET', KEYS[3], id, ARGV[at + 1])
    redis.call('ZADD', KEYS[4], ARGV[4], id)
  end
end
if #ARGV > 5 then
  redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', '(' .. (tonumber(ARGV[4]) - tonumber(ARGV[5])))
  for key = 3, 5 do redis.call('PEXPIRE', KEYS[key], ARGV[5]) end
end
return 1
