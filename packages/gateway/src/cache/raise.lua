-- Stamps a purge: from now on, nothing is stored that was asked before.
--
-- Input:
--   KEYS[1]   the stamp, of one team or of all
--   ARGV[1]   a name that no purge had before
--   ARGV[2]   1: every answer goes, and those signed under an earlier stamp count no more; 0: some go
--   ARGV[3]   how long the stamp is kept, in ms
--
-- Output:
--   stamp  the name of the last purge of everything, a dot, the name of the last purge

local held = redis.pcall('GET', KEYS[1])
local whole = type(held) == 'string' and string.match(held, '^([%w_-]*)%.') or ''
if ARGV[2] == '1' then whole = ARGV[1] end

local stamp = whole .. '.' .. ARGV[1]
redis.call('SET', KEYS[1], stamp, 'PX', ARGV[3])
return stamp
