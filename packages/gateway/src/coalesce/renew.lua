-- Keeps a lease for another while, or takes it again if it is gone: its holder is alive, and still asks.
--
-- Input:
--   KEYS[1]   the lease
--   ARGV[1]   the token it was taken under
--   ARGV[2]   how long it lasts from now, in ms
--
-- Output:
--   1  it is ours
--   0  it is somebody else's

local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return 0 end

redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
