-- Ends a claim: the message was delivered, or is due again later. Refuses a claim that another monitor has taken over.
--
-- Input:
--   KEYS[1]  hash of messages, KEYS[2] sorted set of due times, KEYS[3] hash of claims
--   ARGV[1]  id, ARGV[2] token
--   ARGV[3]  time in ms when it is due again; empty: it is done
--   ARGV[4]  its JSON, with the number of attempts
--
-- Output:
--   1  noted
--   0  another monitor has claimed it since
if redis.call('HGET', KEYS[3], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[3], ARGV[1])
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[4])
  redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
end
return 1
