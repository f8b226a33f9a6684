-- Takes or renews the lease of the leader.
--
-- Input:
--   KEYS[1]  lease
--   ARGV[1]  instance of this monitor, ARGV[2] lease in ms
--
-- Output:
--   1  this monitor leads
--   0  another one does
local leader = redis.call('GET', KEYS[1])
if leader and leader ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
