-- Returns the last changes, newest first, as many as fit.
--
-- Input:
--   KEYS[1]  changes, newest first
--   ARGV[1]  largest number of changes
--   ARGV[2]  largest size of one, in bytes
--
-- Output:
--   found  the changes; one that is too large is empty

local found = redis.pcall('LRANGE', KEYS[1], 0, tonumber(ARGV[1]) - 1)
if found.err then found = {} end
for at, change in ipairs(found) do
  if #change > tonumber(ARGV[2]) then found[at] = '' end
end
return found
