-- Reads all rows of several hashes by one command.
--
-- Input:
--   KEYS[1]   a hash of rows, like every further key
--
-- Output:
--   found  for each key its fields and values, alternating; empty if the key is no hash

local found = {}
local function find(key)
  local rows = redis.pcall('HGETALL', key)
  found[#found + 1] = rows.err and {} or rows
end

find(KEYS[1])
for at = 2, #KEYS do find(KEYS[at]) end
return found
