-- Extends a lease, or takes it again if it is gone: its holder is alive, and still waits for upstream.
--
-- Input:
--   KEYS[1]   the lease
--   ARGV[1]   the token it was taken under
--   ARGV[2]   its lifetime from now, in ms
--
-- Output:
--   1  held by the caller
--   0  held by another process

local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return 0 end

redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
