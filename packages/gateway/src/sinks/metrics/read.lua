-- Every row of several hashes at once: whatever the span of time, it is one command.
--
-- Input:
--   KEYS[1]   a hash of rows, and so is every further key
--
-- Output:
--   found  for each key its fields and values, one after the other; none where it is no hash

local found = {}
local function find(key)
  local rows = redis.pcall('HGETALL', key)
  found[#found + 1] = rows.err and {} or rows
end

find(KEYS[1])
for at = 2, #KEYS do find(KEYS[at]) end
return found
