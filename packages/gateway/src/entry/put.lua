-- Stores an answer, unless a purge has come since its call began: what was computed before is not kept after.
--
-- Input:
--   KEYS[1]   the answer
--   KEYS[2]   the stamp of the last purge of its team
--   KEYS[3]   the stamp of the last purge of all teams; in a cluster there is none, each team has that in its own
--   ARGV[1]   the answer's bytes
--   ARGV[2]   how long they are kept, in ms
--   ARGV[3]   what KEYS[2] held when the call began; empty: nothing
--   ARGV[4]   what KEYS[3] held then
--   ARGV[5]   how long stamps are kept, in ms: longer than answers, each of which is bound to one
--
-- Output:
--   held  nothing was stored: what the stamps are now
--   0     stored, in the place of a list or something else that no answer is
--   1     stored

local held = KEYS[3] and redis.call('MGET', KEYS[2], KEYS[3]) or redis.call('MGET', KEYS[2])
for at = 1, 2 do
  held[at] = held[at] or ''
end
if held[1] ~= ARGV[3] or held[2] ~= ARGV[4] then return held end

local kind = redis.call('TYPE', KEYS[1]).ok
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
for at = 1, 2 do
  if held[at] ~= '' then redis.call('PEXPIRE', KEYS[at + 1], ARGV[5]) end
end
if kind ~= 'string' and kind ~= 'none' then return 0 end
return 1
