-- Puts a signed value in the place of the one it was made of, unless that has changed since.
--
-- Input:
--   KEYS[1]   the value
--   ARGV[1]   the first bytes of what it was made of, its signature among them; empty: there was none
--   ARGV[2]   the value's bytes
--   ARGV[3]   how many bytes that are, at most
--   ARGV[4]   how long it is kept, in ms; empty: as long as the one before
--
-- Output:
--   0  nothing was done: another one stands there
--   1  it is there

if redis.call('GETRANGE', KEYS[1], 0, ARGV[3] - 1) ~= ARGV[1] then return 0 end
if ARGV[4] == '' then
  redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[4])
end
return 1
