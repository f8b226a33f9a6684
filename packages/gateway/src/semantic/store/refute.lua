-- Adds names of questions to those whose answers were judged wrong for one question. Each is there once, the newest last;
-- of too many the oldest are forgotten.
--
-- Input:
--   KEYS[1]   the names, one after the other
--   ARGV[1]   length of a name
--   ARGV[2]   maximum number of names
--   ARGV[3]   TTL from now on, in ms
--   the rest  names to add, each once
--
-- Output:
--   1  always

local length = tonumber(ARGV[1])
local most = tonumber(ARGV[2]) * length

local held = redis.pcall('GET', KEYS[1])
if type(held) ~= 'string' then held = '' end
-- A value of another length was written by no gateway.
held = string.sub(held, 1, #held - #held % length)

local fresh = {}
for at = 4, #ARGV do fresh[ARGV[at]] = true end
local names = {}
for from = math.max(1, #held - most + 1), #held, length do
  local name = string.sub(held, from, from + length - 1)
  if not fresh[name] then names[#names + 1] = name end
end
for at = 4, #ARGV do names[#names + 1] = ARGV[at] end

local joined = table.concat(names)
redis.call('SET', KEYS[1], string.sub(joined, -most), 'PX', ARGV[3])
return 1
