-- Every row of several hashes at once: whatever the span of time, it is one command.
--
-- Input:
--   KEYS[1]   a hash of rows, and so is every further key
--
-- Output:
--   found  for each key its fields and values, one after the other; none where it is no hash

local found = {}
for at = 1, #KEYS do
  local rows = redis.pcall('HGETALL', at == 1 and KEYS[1] or KEYS[at])
  found[at] = rows.err and {} or rows
end
return found
