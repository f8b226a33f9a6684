-- Ends a lease, tells everybody how, and leaves word in its place for those who come late. A lease that somebody else
-- has taken since is left alone. One that is gone, because it ran out or was flushed, ends all the same: those who
-- wait for it cannot know.
--
-- Input:
--   KEYS[1]   the lease
--   ARGV[1]   the token it was taken under
--   ARGV[2]   the word for what came of it
--   ARGV[3]   how long that stays in its place, in ms; 0: not at all
--   ARGV[4]   the channel on which everybody is told
--   ARGV[5]   what they are told
--
-- Output:
--   1  it has ended
--   0  it is somebody else's

local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return 0 end

if ARGV[3] == '0' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
redis.call('PUBLISH', ARGV[4], ARGV[5])
return 1
