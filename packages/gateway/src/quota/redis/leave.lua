-- Removes a process that ends: releases its lease and no longer counts it as alive.
--
-- Input:
--   KEYS[1]   the team's state
--   ARGV[1]   current time in ms; empty: the server's clock is used
--   ARGV[2]   the process that ends
--
-- Output:
--   1   always

local process = ARGV[2]
local state = open(KEYS[1], ARGV[1], process, nil, false)
change_lease(state, process, state.own, 0, 0, 0)
local kept, alive = {}, list_of(state, 'alive')
for at = 1, #alive - 1, 2 do
  if alive[at] ~= process then kept[#kept + 1], kept[#kept + 2] = alive[at], alive[at + 1] end
end
change(state, 'alive', kept)
count_alive(state)
state.leases[process] = nil
state.gone[#state.gone + 1] = process
save(state)
return 1
