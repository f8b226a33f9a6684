-- Claims the message that is due first. A claim ends by itself when its lease is over: the message is then due again, and
-- the token of the earlier claim is worth nothing.
--
-- Input:
--   KEYS[1]  hash of messages, KEYS[2] sorted set of due times, KEYS[3] hash of claims
--   ARGV[1]  time in ms, ARGV[2] lease in ms, ARGV[3] token
--
-- Output: the id and the JSON; nothing where none is due
local due = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1], 'LIMIT', 0, 1)
local id = due[1]
if not id then return {} end
local message = redis.call('HGET', KEYS[1], id)
if not message then
  redis.call('ZREM', KEYS[2], id)
  return { id, '' }
end
redis.call('ZADD', KEYS[2], tonumber(ARGV[1]) + tonumber(ARGV[2]), id)
redis.call('HSET', KEYS[3], id, ARGV[3])
redis.call('PEXPIRE', KEYS[3], tonumber(ARGV[2]) * 100)
return { id, message }
