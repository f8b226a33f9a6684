-- Stores an answer, unless a purge came after its call began.
--
-- Input:
--   KEYS[1]   the answer
--   KEYS[2]   the stamp of the last purge of its team
--   KEYS[3]   the stamp of the last purge of all teams; absent in a cluster, where each team's stamp covers it
--   ARGV[1]   the answer's bytes
--   ARGV[2]   lifetime of the answer, in ms
--   ARGV[3]   value of KEYS[2] when the call began; empty: none
--   ARGV[4]   value of KEYS[3] then
--   ARGV[5]   lifetime of stamps, in ms: longer than any answer bound to them
--
-- Output:
--   held  not stored: the current stamps
--   0     stored, over a list or another value that is no answer
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
