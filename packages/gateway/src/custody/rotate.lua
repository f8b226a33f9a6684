-- Replaces the upstream key of every team key sealed for a team, except those revoked meanwhile. The arguments are pairs:
-- the id of a team key, and the upstream key sealed under it.
--
-- Input:
--   KEYS[1]   the team's vault
--
-- Output:
--   set   number of replaced keys

local set = 0
for at = 1, #ARGV, 2 do
  if redis.call('HEXISTS', KEYS[1], 'm:' .. ARGV[at]) == 1 then
    redis.call('HSET', KEYS[1], 't:' .. ARGV[at], ARGV[at + 1])
    set = set + 1
  end
end
return set
