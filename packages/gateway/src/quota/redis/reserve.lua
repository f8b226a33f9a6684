-- Books one attempt against a team's requests, tokens and dollars: all of it, or none. A refusal says what is in the
-- way and when it will be gone. A repeated reservation changes nothing and is answered as the first time.
--
-- Input:
--   KEYS[1]   the team's state
--   KEYS[2]   this reservation's record
--   KEYS[3]   how long answers usually are, in thousandths of a token, by agent and model
--   ARGV[1]   now, in ms; empty: the server's clock
--   ARGV[2]   the process that asks
--   ARGV[3]   1: it says that it is alive
--   ARGV[4]   version of the policy that the limits come from; the highest one's bind. 0: it has none, and its own do
--   ARGV[5]   requests per minute, or empty
--   ARGV[6]   tokens per minute, or empty
--   ARGV[7]   n$ per day, or empty
--   ARGV[8]   input tokens
--   ARGV[9]   output tokens at most
--   ARGV[10]  field of KEYS[3] for this agent and model
--   ARGV[11]  1: reserve the most; else what is expected
--   ARGV[12]  n$ at most
--   ARGV[13]  ms after which the hold becomes doubt
--   ARGV[14]  the zone's offset from UTC, in ms
--   ARGV[15]  when that changes, in ms
--   ARGV[16]  the offset from then on
--   ARGV[17]  the epoch this process was last told, or empty
--   ARGV[18]  the seq it was last told
--   ARGV[19]  the day it was last told
--   ARGV[20]  n$ of that day it was last told
--   ARGV[21]  what it had admitted in the last minute, as age:requests:tokens,...
--   ARGV[22]  how many ms ago it was last told what the window holds
--   ARGV[23]  requests that it held then, everybody's
--   ARGV[24]  tokens, likewise
--   ARGV[25]  not empty: it was admitted so many ms ago, while Redis was away, and is only booked now
--   ARGV[26]  requests it counts as: 1, or 0
--   ARGV[27]  the number of the last lease it was told, 0: none
--   ARGV[28]  requests of it that it still has
--   ARGV[29]  tokens, likewise
--   ARGV[30]  n$, likewise
--   ARGV[31]  requests that it has used of it and not told yet
--   ARGV[32]  tokens, likewise
--   ARGV[33]  n$, likewise
--   ARGV[34]  the part of each limit that leases take at most, all together; 0: it wants none
--   ARGV[35]  n$ of the day set apart for processes that were never granted a lease
--   ARGV[36]  the steady time it was last told, or empty
--   ARGV[37]  the number of the tab that it tells, or empty: none
--   ARGV[38]  ms since that was closed
--   ARGV[39]  its rows, as JSON: see tab.lua
--   ARGV[40]  the words that they point to, as JSON
--   ARGV[41]  1: it reserves nothing, and only tells and asks for its lease; what it would reserve is what it needs
--   ARGV[42]  the number of a tab that is on its way with another command, 0: none
--   ARGV[43]  requests that it has used and says in that
--   ARGV[44]  tokens, likewise
--   ARGV[45]  n$, likewise
--
-- Output:
--   1   admitted; rpm, tpm or daily_usd: the limit in the way; told: nothing was to be reserved
--   2   ms until it fits; -1: never
--   3   requests left; -1: no limit binds
--   4   tokens left, likewise
--   5   n$ left, likewise
--   6   tokens reserved
--   7   epoch
--   8   seq
--   9   day
--   10  n$ that this day has taken, or may have
--   11  the most processes that were alive at one time, this day
--   12  the number of its lease
--   13  requests per minute that bind; -1: none do
--   14  tokens per minute, likewise
--   15  n$ per day, likewise
--   16  requests in the window
--   17  tokens in the window
--   18  ms until the window is empty, if nobody else comes
--   19  the highest version of a policy that any process has brought; 0: none had one
--   20  requests that it may use when Redis is away
--   21  tokens, likewise
--   22  n$, likewise
--   23  the steady time
--   24  the number of the last tab that was heard of this process, 0: none
--   25  the steady time at which that was closed
--   26  the server's time at which it was

local FIRST_GUESS = 300
local EXPECTED = 1000

local zone = { before = tonumber(ARGV[14]), changes = tonumber(ARGV[15]), after = tonumber(ARGV[16]) }
local told = { epoch = ARGV[17], clock = tonumber(ARGV[36]), ago = tonumber(ARGV[22]) }
local state = open(KEYS[1], ARGV[1], ARGV[2], zone, true, told.clock and told)
local process, worst = ARGV[2], tonumber(ARGV[12])
local requests = tonumber(ARGV[26]) or 1

-- Nobody alone knows what the others had admitted, but each was told how full the window was. What of that nobody has
-- claimed as his counts as admitted at the time when it was told.
local function recall_window(heard_ago, requests, tokens, own_requests, own_tokens)
  local stamp, most, most_tokens, told, told_tokens = unpack(state.recalled)
  if stamp then give_back(state, stamp, math.max(0, most - told), math.max(0, most_tokens - told_tokens)) end
  if heard_ago >= SPAN then heard_ago, requests, tokens = SPAN, 0, 0 end
  stamp = math.max(stamp or 0, state.clock - heard_ago)
  most, most_tokens = math.max(most or 0, requests), math.max(most_tokens or 0, tokens)
  told, told_tokens = (told or 0) + own_requests, (told_tokens or 0) + own_tokens
  change(state, 'recalled', { stamp, most, most_tokens, told, told_tokens })
  if most > told or most_tokens > told_tokens then
    add(state, stamp, math.max(0, most - told), math.max(0, most_tokens - told_tokens))
  end
end

-- A state that was born again learns from each process, once, what it had admitted in the last minute, and takes the
-- highest day's spend of all. True: this process is one that it had not heard of.
local function listen()
  local epoch, seq, day, spend = ARGV[17], tonumber(ARGV[18]), tonumber(ARGV[19]), tonumber(ARGV[20])
  local heard_ago, heard, heard_tokens = tonumber(ARGV[22]), tonumber(ARGV[23]), tonumber(ARGV[24])
  if epoch == '' then return false end
  if epoch == state.epoch then
    -- Same life, fewer writes: a failover, or a restart from a log that lagged behind.
    if seq <= state.seq then return false end
    change(state, 'seq', seq)
    if day == state.day then
      local _, _, leased_usd = leased_to_others(state, 1)
      change(state, 'inherited', state.inherited + math.max(0, spend - committed(state) - leased_usd))
    end
    if heard_ago < SPAN and (heard > state.requests or heard_tokens > state.tokens) then
      add(state, state.clock - heard_ago, math.max(0, heard - state.requests),
        math.max(0, heard_tokens - state.tokens))
    end
    return false
  end
  for _, name in ipairs(state.told) do
    if name == process then return false end
  end
  state.told[#state.told + 1] = process
  change(state, 'told', state.told)
  if day == state.day then change(state, 'inherited', math.max(state.inherited, spend)) end
  local own_requests, own_tokens = 0, 0
  for age, requests, tokens in string.gmatch(ARGV[21], '(%d+):(%d+):(%d+)') do
    if tonumber(age) < SPAN then
      add(state, state.clock - tonumber(age), tonumber(requests), tonumber(tokens))
      own_requests, own_tokens = own_requests + tonumber(requests), own_tokens + tonumber(tokens)
    end
  end
  recall_window(heard_ago, heard, heard_tokens, own_requests, own_tokens)
  return true
end

local function announce()
  sweep_leases(state, process)
  state.alive[#state.alive + 1], state.alive[#state.alive + 2] = process, state.clock
  change(state, 'most', math.max(state.most, count_alive(state)))
end

local function binding_limits()
  local version = tonumber(ARGV[4])
  if version > 0 and version < state.version then return state.rpm, state.tpm, state.usd end
  local rpm, tpm, usd = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
  if version > state.version then
    change(state, 'version', version)
    change(state, 'rpm', rpm)
    change(state, 'tpm', tpm)
    change(state, 'usd', usd)
  end
  return rpm, tpm, usd
end

local function tokens_to_reserve()
  local input, most = tonumber(ARGV[8]), tonumber(ARGV[9])
  if ARGV[11] == '1' then return math.ceil(input + most) end
  local expected = mean_of(KEYS[3], ARGV[10])
  return math.ceil(input + math.min(most, expected and math.ceil(expected / EXPECTED) or FIRST_GUESS))
end

local only_tells = ARGV[41] == '1'
local known = not only_tells and recall(KEYS[2])
if listen() or ARGV[3] == '1' then announce() end
local rpm, tpm, usd = binding_limits()
usd = usd and math.max(0, usd - tonumber(ARGV[35]))
if ARGV[37] ~= '' then
  local tab = { number = tonumber(ARGV[37]), ago = tonumber(ARGV[38]) }
  tab.rows, tab.words = cjson.decode(ARGV[39]), cjson.decode(ARGV[40])
  hear_tab(state, process, tab, zone, KEYS[3])
  save_means(state, KEYS[3])
end
local tokens = tokens_to_reserve()
local claim = {
  number = tonumber(ARGV[27]),
  has = { tonumber(ARGV[28]), tonumber(ARGV[29]), tonumber(ARGV[30]) },
  untold = { tonumber(ARGV[31]), tonumber(ARGV[32]), tonumber(ARGV[33]) },
  part = tonumber(ARGV[34]),
}

-- The other command has not arrived.
if tonumber(ARGV[42]) > state.tab[1] then
  local telling = { tonumber(ARGV[43]), tonumber(ARGV[44]), tonumber(ARGV[45]) }
  for at = 1, 3 do claim.untold[at] = claim.untold[at] + telling[at] end
end

-- What this process cannot have: its own lease does not stand in its way, and what it has used of that does.
local function out_of_reach()
  local requests, tokens, dollars = leased_to_others(state, claim.part, rpm, tpm)
  return requests + claim.untold[1], tokens + claim.untold[2], dollars + claim.untold[3]
end

local function left(limit, used)
  return limit and math.max(0, limit - used) or -1
end

local function remaining()
  local requests, tokens, dollars = out_of_reach()
  return left(rpm, state.requests + requests), left(tpm, state.tokens + tokens), left(usd, committed(state) + dollars)
end

local function answer(status, retry_after, record)
  local reset = (status == 'admitted' or only_tells) and SPAN or empty_in(state)
  local granted = renew_lease(state, process, claim, rpm, tpm, usd, { tokens = tokens, usd = worst })
  local requests_left, tokens_left, usd_left = remaining()
  save(state)
  return {
    status,
    retry_after,
    record and record[2] or requests_left,
    record and record[3] or tokens_left,
    record and record[4] or usd_left,
    tokens,
    state.epoch,
    state.seq,
    state.day,
    committed(state) + state.leased[3] - state.own[5],
    state.most,
    state.own[1],
    rpm or -1,
    tpm or -1,
    usd or -1,
    state.requests,
    state.tokens,
    reset,
    state.version,
    granted[1],
    granted[2],
    granted[3],
    state.clock,
    state.tab[1],
    state.tab[2],
    state.tab[3],
  }
end

local function refusal()
  local leased_requests, leased_tokens, leased_usd = out_of_reach()
  if usd and committed(state) + leased_usd + worst > usd then
    if worst > usd then return 'daily_usd', -1 end
    -- Holds and leases are given back, mostly whole; money that is spent comes back tomorrow.
    local only_holds = committed(state) - state.in_flight + worst <= usd
    return 'daily_usd', only_holds and 1000 or day_ends(state.now, state.day, zone) - state.now
  end
  if tpm and tokens > tpm then return 'tpm', -1 end
  local more_requests = rpm and requests > 0 and state.requests + leased_requests + requests - rpm or 0
  local more_tokens = tpm and state.tokens + leased_tokens + tokens - tpm or 0
  local for_requests = more_requests > 0 and free_in(state, 1, more_requests) or 0
  local for_tokens = more_tokens > 0 and free_in(state, 2, more_tokens) or 0
  if for_requests == 0 and for_tokens == 0 then return nil end
  if for_requests >= for_tokens then return 'rpm', for_requests end
  return 'tpm', for_tokens
end

if only_tells then return answer('told', 0) end
if known then return answer('admitted', 0, known) end

local age = tonumber(ARGV[25])
if age == nil then
  local limit, retry_after = refusal()
  if limit then return answer(limit, retry_after) end
end

local stamp = state.clock - (age or 0)
if stamp + SPAN > state.clock then add(state, stamp, requests, tokens) end
local lease = tonumber(ARGV[13])
local ends = hold_ends(state.clock, lease)
local day = age and day_at(state.now - age, zone) or state.day
if day == state.day then hold(state, ends, worst) end
change(state, 'seq', state.seq + 1)
local requests_left, tokens_left, usd_left = remaining()
local record = {
  'open', requests_left, tokens_left, usd_left,
  stamp, tokens, worst, day, ends, ARGV[10], state.epoch,
}
remember(KEYS[2], record, lease + KEEP)
return answer('admitted', 0, record)
