-- Stamps a purge: from now on, only answers to later calls are stored. Also restores a stamp that is missing, or older
-- than one that the calling process has seen.
--
-- Input:
--   KEYS[1]   the stamp, of one team or of all
--   ARGV[1]   12 letters, unique to this purge
--   ARGV[2]   'all': every answer is purged, and signatures under an earlier stamp become invalid; 'some': some are
--             purged; 'none': no purge, restores only
--   ARGV[3]   lifetime of the stamp, in ms
--   ARGV[4]   the current time, in ms
--   ARGV[5]   the latest stamp that the calling process has seen; empty: none
--   ARGV[6]   how far in the future a stamp may be, in ms: beyond that, it was made by no purge
--
-- Output:
--   stamp  the name of the last purge of everything, a dot, the name of the last purge; empty: there was none

local now = tonumber(ARGV[4])

-- 15 digits of time, later than any before, a hyphen, the letters.
local function order(name)
  return tonumber(string.match(name, '^(%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d)%-')) or 0
end

local function halves(stamp)
  if type(stamp) ~= 'string' then return '', '' end
  local whole, last = string.match(stamp, '^([%w_-]*)%.([%w_-]+)$')
  if not last or order(last) == 0 or order(last) > now + tonumber(ARGV[6]) then return '', '' end
  return whole, last
end

local function later(one, other)
  if order(one) == order(other) then return one > other and one or other end
  return order(one) > order(other) and one or other
end

local held = redis.pcall('GET', KEYS[1])
local whole, last = halves(held)
local seen_whole, seen_last = halves(ARGV[5])
whole, last = later(whole, seen_whole), later(last, seen_last)

if ARGV[2] ~= 'none' then
  last = string.format('%015.0f', math.max(now, order(last) + 1)) .. '-' .. ARGV[1]
  if ARGV[2] == 'all' then whole = last end
end

if last == '' then return '' end
local stamp = whole .. '.' .. last
if stamp ~= held then redis.call('SET', KEYS[1], stamp, 'PX', ARGV[3]) end
return stamp
