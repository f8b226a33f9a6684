-- Leases: what a process may use of its team's limits while it cannot reach Redis. It is granted with the answer to a
-- reservation, and counts in the books against everybody but its holder, so that no process can spend what another
-- may be spending unseen.
--
-- A grant is lost when its answer is. Therefore the books never fall below what the holder may believe: a lease shrinks
-- only when the holder has said that it had heard the last grant, and then not below what it says it still has.

-- So many processes are alive.
local function count_alive(state)
  local count = 0
  for at = 2, #state.alive, 2 do
    local heard = state.alive[at]
    if type(heard) == 'number' and heard + SILENT > state.clock then count = count + 1 end
  end
  return math.max(1, count)
end

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

-- Others that have been silent: the requests and tokens of a lease may have been used until it ended, and count for the
-- minute after that, too. Its dollars stay its holder's until that counts as dead.
local function sweep_leases(state, process)
  local names, kept = {}, {}
  for at = 1, #state.alive - 1, 2 do
    if state.alive[at] ~= process then names[#names + 1] = 'lease:' .. tostring(state.alive[at]) end
  end
  local found = #names > 0 and redis.call('HMGET', state.key, unpack(names)) or {}
  local next_found = 1
  for at = 1, #state.alive - 1, 2 do
    local name, heard = tostring(state.alive[at]), tonumber(state.alive[at + 1]) or 0
    if name ~= process then
      local packed = found[next_found]
      local lease = lease_of(state, packed)
      next_found = next_found + 1
      if packed and lease[2] + LEASE + SPAN <= state.clock and lease[3] + lease[4] > 0 then
        change_lease(state, name, lease, 0, 0, lease[5])
      end
      if packed and math.max(heard, lease[2]) + DEAD <= state.clock then
        local lapsed = lease[5]
        change_lease(state, name, lease, 0, 0, 0)
        state.leased[4] = state.leased[4] + lapsed
        state.leases[name] = nil
        state.gone[#state.gone + 1] = name
        packed = false
      end
      if packed or heard + SILENT > state.clock then kept[#kept + 1], kept[#kept + 2] = name, heard end
    end
  end
  change(state, 'alive', kept)
end

-- What the others may be using unseen. Where limits were lowered since, requests and tokens of older leases count no
-- more than new ones would: a limit of few must not be all leased.
local function leased_to_others(state, part, rpm, tpm)
  local sum, own = state.leased, state.own
  local requests, tokens = math.max(0, sum[1] - own[3]), math.max(0, sum[2] - own[4])
  if rpm then requests = math.min(requests, math.floor(rpm * part)) end
  if tpm then tokens = math.min(tokens, math.floor(tpm * part)) end
  return requests, tokens, math.max(0, sum[3] - own[5])
end

-- The most that may be granted of one limit. `left`: of it, not counting the holder's own lease.
local function grantable(pool, others, fleet, left)
  return math.max(0, math.min(pool - others, math.ceil(pool / fleet), math.floor(left)))
end

-- claim: the number of the last lease it heard, what it still has of it, and what it has used and not told yet; and the
-- part of each limit that all leases together take at most.
-- need: one call like this one; a lease that is not enough for it is no use. Returns what is granted.
local function renew_lease(state, process, claim, rpm, tpm, usd, need)
  local own, fleet = state.own, count_alive(state)
  local requests, tokens, dollars = leased_to_others(state, claim.part, rpm, tpm)
  local untold = claim.untold
  local granted = { 0, 0, 0 }
  if rpm then
    local left = rpm - state.requests - requests - untold[1]
    granted[1] = grantable(math.floor(rpm * claim.part), requests, fleet, left)
  end
  if tpm then
    local left = tpm - state.tokens - tokens - untold[2]
    granted[2] = grantable(math.floor(tpm * claim.part), tokens, fleet, left)
  end
  if usd then
    local left = usd - committed(state) - dollars - untold[3]
    local pool = math.floor(math.max(0, left) * claim.part)
    granted[3] = grantable(pool - state.leased[4], dollars, fleet, left)
  end
  if (rpm and granted[1] < 1) or (tpm and granted[2] < need.tokens) then granted[1], granted[2] = 0, 0 end
  if granted[3] < need.usd then granted[3] = 0 end
  local heard = claim.number == own[1]
  local books = {}
  for at = 1, 3 do
    books[at] = math.max(claim.has[at], granted[at]) + untold[at]
    if not heard then books[at] = math.max(books[at], own[at + 2]) end
  end
  local nothing = true
  for at = 1, 3 do nothing = nothing and books[at] == 0 and own[at + 2] == 0 end
  if nothing then return granted end
  own[1], own[2] = math.max(own[1], claim.number) + 1, state.clock
  change_lease(state, process, own, books[1], books[2], books[3])
  return granted
end
