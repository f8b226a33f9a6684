-- Compare-and-swap of a signed value.
--
-- Input:
--   KEYS[1]   the value
--   ARGV[1]   first bytes of the expected value, its signature included; empty: no value
--   ARGV[2]   new value
--   ARGV[3]   maximum number of bytes compared
--   ARGV[4]   TTL in ms; empty: unchanged
--
-- Output:
--   0  not replaced: the value has changed
--   1  replaced

if redis.call('GETRANGE', KEYS[1], 0, ARGV[3] - 1) ~= ARGV[1] then return 0 end
if ARGV[4] == '' then
  redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[4])
end
return 1
