-- Ends a lease, publishes its outcome, and keeps the outcome in its place for later calls. Leaves a lease alone that
-- another process has taken since. A lease that is gone (expired or flushed) counts as ended: waiting calls cannot know.
--
-- Input:
--   KEYS[1]   the lease
--   ARGV[1]   the token it was taken under
--   ARGV[2]   the outcome
--   ARGV[3]   lifetime of the outcome in its place, in ms; 0: not kept
--   ARGV[4]   the channel to publish on
--   ARGV[5]   the message
--
-- Output:
--   1  ended
--   0  held by another process

local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return 0 end

if ARGV[3] == '0' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
redis.call('PUBLISH', ARGV[4], ARGV[5])
return 1
