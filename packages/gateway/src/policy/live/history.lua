-- Tells the last changes, the newest first, as many as fit.
--
-- Input:
--   KEYS[1]  changes, the newest first
--   ARGV[1]  how many at most
--   ARGV[2]  bytes of one at most
--
-- Output:
--   found  the changes; one that is too large is empty

local found = redis.pcall('LRANGE', KEYS[1], 0, tonumber(ARGV[1]) - 1)
if found.err then found = {} end
for at, change in ipairs(found) do
  if #change > tonumber(ARGV[2]) then found[at] = '' end
end
return found
