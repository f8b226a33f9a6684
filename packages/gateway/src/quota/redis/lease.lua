-- Manages leases: the part of its team's limits that a process may use without asking Redis. Each reply to a reservation
-- grants a lease. The state counts it as used for every process except its holder, so two processes never spend the same
-- amount.
--
-- A reply may be lost, and its grant with it. Therefore the state never counts less than the holder may still use: a lease
-- shrinks only after the holder has confirmed the last grant, and then not below what the holder still has.

-- Counts the processes that are alive, at least 1.
local function count_alive(state)
  local count, alive = 0, list_of(state, 'alive')
  for at = 2, #alive, 2 do
    local seen = alive[at]
    if type(seen) == 'number' and seen + SILENT > state.clock then count = count + 1 end
  end
  change(state, 'fleet', math.max(1, count))
  return state.fleet
end

-- Sets the amounts of a lease, and updates the sum of all leases.
local function change_lease(state, process, lease, requests, tokens, usd)
  local sum = state.leased
  change(state, 'leased', {
    math.max(0, sum[1] + requests - lease[3]),
    math.max(0, sum[2] + tokens - lease[4]),
    math.max(0, sum[3] + usd - lease[5]),
    sum[4],
  })
  lease[3], lease[4], lease[5] = requests, tokens, usd
  state.leases[process] = lease
end

-- Releases leases of other processes that are silent. Requests and tokens may have been used until the lease ended, so
-- they count for one more window. Dollars stay leased until the holder counts as dead.
local function sweep_leases(state, process)
  local names, kept, alive = {}, {}, list_of(state, 'alive')
  for at = 1, #alive - 1, 2 do
    if alive[at] ~= process then names[#names + 1] = 'lease:' .. tostring(alive[at]) end
  end
  local found = read_fields(state.key, names)
  local next_found = 1
  for at = 1, #alive - 1, 2 do
    local name, seen = tostring(alive[at]), tonumber(alive[at + 1]) or 0
    if name ~= process then
      local packed = found[next_found]
      local lease = lease_of(state, packed)
      next_found = next_found + 1
      if packed and lease[2] + LEASE + SPAN <= state.clock and lease[3] + lease[4] > 0 then
        change_lease(state, name, lease, 0, 0, lease[5])
      end
      if packed and math.max(seen, lease[2]) + DEAD <= state.clock then
        local lapsed = lease[5]
        change_lease(state, name, lease, 0, 0, 0)
        state.leased[4] = state.leased[4] + lapsed
        state.leases[name] = nil
        state.gone[#state.gone + 1] = name
        packed = false
      end
      if packed or seen + SILENT > state.clock then kept[#kept + 1], kept[#kept + 2] = name, seen end
    end
  end
  change(state, 'alive', kept)
end

-- Returns requests, tokens and n$ that other processes may use by their leases, or have used without telling yet. Together
-- with what is counted they are never more than the limit, unless it was lowered since: then older leases count at most
-- `part` of the new limit; otherwise they could take all of it.
local function leased_to_others(state, part, rpm, tpm)
  local sum, own = state.leased, state.own
  local requests, tokens = math.max(0, sum[1] - own[3]), math.max(0, sum[2] - own[4])
  if rpm and state.requests + requests > rpm then requests = math.min(requests, math.floor(rpm * part)) end
  if tpm and state.tokens + tokens > tpm then tokens = math.min(tokens, math.floor(tpm * part)) end
  return requests, tokens, math.max(0, sum[3] - own[5])
end

-- Returns the most that may be granted of one limit. left: rest of the limit, with the holder's own lease counted as free.
local function grantable(pool, others, fleet, left)
  return math.max(0, math.min(pool - others, math.ceil(pool / fleet), math.floor(left)))
end

-- Grants this process a new lease and returns it: { requests, tokens, n$ }.
-- claim: { number of the last lease that the process received, has = rest of that lease, unreported = usage that Redis
-- does not know yet, part = largest part of each limit that all leases together may take }.
-- need: tokens and worst case in n$ of one call. A lease too small for one call is not granted.
local function renew_lease(state, process, claim, rpm, tpm, usd, need)
  local own, fleet = state.own, math.max(1, state.fleet or count_alive(state))
  local requests, tokens, dollars = leased_to_others(state, claim.part, rpm, tpm)
  local unreported = claim.unreported
  local granted = { 0, 0, 0 }
  if rpm then
    local left = rpm - state.requests - requests - unreported[1]
    granted[1] = grantable(math.floor(rpm * claim.part), requests, fleet, left)
  end
  if tpm then
    local left = tpm - state.tokens - tokens - unreported[2]
    granted[2] = grantable(math.floor(tpm * claim.part), tokens, fleet, left)
  end
  if usd then
    local left = usd - committed(state) - dollars - unreported[3]
    local pool = math.floor(math.max(0, left) * claim.part)
    granted[3] = grantable(pool - state.leased[4], dollars, fleet, left)
  end
  if (rpm and granted[1] < 1) or (tpm and granted[2] < need.tokens) then granted[1], granted[2] = 0, 0 end
  if granted[3] < need.usd then granted[3] = 0 end
  local is_confirmed = claim.number == own[1]
  local books = {}
  for at = 1, 3 do
    books[at] = math.max(claim.has[at], granted[at]) + unreported[at]
    if not is_confirmed then books[at] = math.max(books[at], own[at + 2]) end
  end
  local nothing = true
  for at = 1, 3 do nothing = nothing and books[at] == 0 and own[at + 2] == 0 end
  if nothing then return granted end
  own[1], own[2] = math.max(own[1], claim.number) + 1, state.clock
  change_lease(state, process, own, books[1], books[2], books[3])
  return granted
end
