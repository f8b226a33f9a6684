-- Reserves requests, tokens and dollars of a team's limits for one attempt: all of them, or none. A refusal names the limit
-- and the time until the attempt fits. A repeated reservation changes nothing and gets the first answer again.
--
-- Input:
--   KEYS[1]   the team's state
--   KEYS[2]   this reservation's record
--   KEYS[3]   mean output tokens by agent and model, in thousandths
--   ARGV[1]   current time in ms; empty: the server's clock is used
--   ARGV[2]   id of the calling process
--   ARGV[3]   1: the process announces that it is alive
--   ARGV[4]   version of the policy; the limits of the highest version apply. 0: no version, these limits apply
--   ARGV[5]   limit of requests per minute; empty: none
--   ARGV[6]   limit of tokens per minute; empty: none
--   ARGV[7]   limit of n$ per day; empty: none
--   ARGV[8]   input tokens
--   ARGV[9]   maximum output tokens
--   ARGV[10]  field of KEYS[3] for this agent and model
--   ARGV[11]  1: reserves the maximum output; else the expected output
--   ARGV[12]  worst case in n$
--   ARGV[13]  ms after which an unsettled hold becomes unconfirmed spend
--   ARGV[14]  UTC offset of the time zone, in ms
--   ARGV[15]  time of its next change, in ms
--   ARGV[16]  UTC offset after that change, in ms
--   ARGV[17]  last epoch that this process received; empty: none
--   ARGV[18]  last seq that it received
--   ARGV[19]  last day that it received
--   ARGV[20]  last n$ of that day that it received
--   ARGV[21]  its own admissions of the last minute, as age:requests:tokens,... with ages in ms
--   ARGV[22]  ms since it last received the load of the window
--   ARGV[23]  requests of all processes in the window at that time
--   ARGV[24]  tokens of all processes in the window at that time
--   ARGV[25]  ms since the process admitted it while Redis was unreachable: only recorded now; empty: to be decided
--   ARGV[26]  number of requests that it counts as: 1 or 0
--   ARGV[27]  number of the last lease that the process received; 0: none
--   ARGV[28]  requests left of that lease
--   ARGV[29]  tokens left of that lease
--   ARGV[30]  n$ left of that lease
--   ARGV[31]  requests admitted by the process and not reported yet
--   ARGV[32]  tokens of these
--   ARGV[33]  n$ of these
--   ARGV[34]  largest part of each limit, 0 to 1, that all leases together may take; 0: no lease is wanted
--   ARGV[35]  n$ of the day reserved for processes without any lease
--   ARGV[36]  last monotonic time that the process received; empty: none
--   ARGV[37]  number of the usage report that this command carries; empty: none
--   ARGV[38]  ms since that report was closed
--   ARGV[39]  its rows, as JSON: see report.lua
--   ARGV[40]  its words, as JSON
--   ARGV[41]  1: reserves nothing, only reports and renews the lease; the amounts describe one typical call
--   ARGV[42]  number of a usage report that another command is carrying; 0: none
--   ARGV[43]  requests in that other report
--   ARGV[44]  tokens in that other report
--   ARGV[45]  n$ in that other report
--   ARGV[46]  part of requests and tokens, 0 to 1, reserved for processes without any lease
--
-- Output:
--   1   admitted; rpm, tpm or daily_usd: the limit that refuses it; told: nothing was to be reserved
--   2   ms until it fits; -1: never
--   3   requests left; -1: no limit
--   4   tokens left; -1: no limit
--   5   n$ left; -1: no limit
--   6   tokens reserved
--   7   epoch
--   8   seq
--   9   day
--   10  n$ of this day: spent, held, unconfirmed, and leased to other processes
--   11  highest number of processes alive at one time, on this day
--   12  number of the lease
--   13  limit of requests per minute that applies; -1: none
--   14  limit of tokens per minute that applies; -1: none
--   15  limit of n$ per day that applies; -1: none
--   16  requests in the window
--   17  tokens in the window
--   18  ms until the window is empty, if no further call is admitted
--   19  highest policy version that any process has sent; 0: none
--   20  requests of the lease
--   21  tokens of the lease
--   22  n$ of the lease
--   23  monotonic time, in ms
--   24  number of the last usage report of this process that was applied; 0: none
--   25  monotonic time at which that report was closed
--   26  server's time at which that report was closed

local FIRST_GUESS = 300
local EXPECTED = 1000

local zone = { before = tonumber(ARGV[14]), changes = tonumber(ARGV[15]), after = tonumber(ARGV[16]) }
local last = { epoch = ARGV[17], clock = tonumber(ARGV[36]), ago = tonumber(ARGV[22]) }
local state = open(KEYS[1], ARGV[1], ARGV[2], zone, true, last.clock and last)
local process, worst = ARGV[2], tonumber(ARGV[12])
local requests = tonumber(ARGV[26]) or 1

-- Restores the window of the previous epoch. Each process knows its own admissions, and the load of the whole window that
-- it last received. The part of that load which no process has reported as its own counts as admitted at that time.
local function recall_window(load_age, requests, tokens, own_requests, own_tokens)
  local stamp, most, most_tokens, reported, reported_tokens = unpack(state.recalled)
  if stamp then give_back(state, stamp, math.max(0, most - reported), math.max(0, most_tokens - reported_tokens)) end
  if load_age >= SPAN then load_age, requests, tokens = SPAN, 0, 0 end
  stamp = math.max(stamp or 0, state.clock - load_age)
  most, most_tokens = math.max(most or 0, requests), math.max(most_tokens or 0, tokens)
  reported, reported_tokens = (reported or 0) + own_requests, (reported_tokens or 0) + own_tokens
  change(state, 'recalled', { stamp, most, most_tokens, reported, reported_tokens })
  if most > reported or most_tokens > reported_tokens then
    add(state, stamp, math.max(0, most - reported), math.max(0, most_tokens - reported_tokens))
  end
end

-- Restores a lost state from what the processes know: once per process its admissions of the last minute, and the highest
-- spend of the day. Returns true if this process had not reported to this epoch yet.
local function restore()
  local epoch, seq, day, spend = ARGV[17], tonumber(ARGV[18]), tonumber(ARGV[19]), tonumber(ARGV[20])
  local load_age, load_requests, load_tokens = tonumber(ARGV[22]), tonumber(ARGV[23]), tonumber(ARGV[24])
  if epoch == '' then return false end
  if epoch == state.epoch then
    -- Same epoch with fewer writes: after a failover, or a restart from a log that lagged.
    if seq <= state.seq then return false end
    change(state, 'seq', seq)
    if day == state.day then
      local _, _, leased_usd = leased_to_others(state, 1)
      change(state, 'inherited', state.inherited + math.max(0, spend - committed(state) - leased_usd))
    end
    if load_age < SPAN and (load_requests > state.requests or load_tokens > state.tokens) then
      add(state, state.clock - load_age, math.max(0, load_requests - state.requests),
        math.max(0, load_tokens - state.tokens))
    end
    return false
  end
  local told = list_of(state, 'told')
  for _, name in ipairs(told) do
    if name == process then return false end
  end
  told[#told + 1] = process
  change(state, 'told', told)
  if day == state.day then change(state, 'inherited', math.max(state.inherited, spend)) end
  local own_requests, own_tokens = 0, 0
  for age, requests, tokens in string.gmatch(ARGV[21], '(%d+):(%d+):(%d+)') do
    if tonumber(age) < SPAN then
      add(state, state.clock - tonumber(age), tonumber(requests), tonumber(tokens))
      own_requests, own_tokens = own_requests + tonumber(requests), own_tokens + tonumber(tokens)
    end
  end
  recall_window(load_age, load_requests, load_tokens, own_requests, own_tokens)
  return true
end

-- Marks this process as alive.
local function announce()
  sweep_leases(state, process)
  state.alive[#state.alive + 1], state.alive[#state.alive + 2] = process, state.clock
  change(state, 'most', math.max(state.most, count_alive(state)))
end

-- Returns the limits that apply: those of the highest policy version.
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

local only_reports = ARGV[41] == '1'
local known = not only_reports and recall(KEYS[2])
if restore() or ARGV[3] == '1' then announce() end
local rpm, tpm, usd = binding_limits()
local set_apart = tonumber(ARGV[46])
rpm = rpm and rpm - math.floor(rpm * set_apart)
tpm = tpm and tpm - math.floor(tpm * set_apart)
usd = usd and math.max(0, usd - tonumber(ARGV[35]))
if ARGV[37] ~= '' then
  local report = { number = tonumber(ARGV[37]), ago = tonumber(ARGV[38]) }
  report.rows, report.words = cjson.decode(ARGV[39]), cjson.decode(ARGV[40])
  apply_report(state, process, report, zone, KEYS[3])
  save_means(state, KEYS[3])
end
local tokens = tokens_to_reserve()
local claim = {
  number = tonumber(ARGV[27]),
  has = { tonumber(ARGV[28]), tonumber(ARGV[29]), tonumber(ARGV[30]) },
  unreported = { tonumber(ARGV[31]), tonumber(ARGV[32]), tonumber(ARGV[33]) },
  part = tonumber(ARGV[34]),
}

-- The report of the other command has not arrived yet, so its usage still counts as unreported.
if tonumber(ARGV[42]) > state.report[1] then
  local in_flight = { tonumber(ARGV[43]), tonumber(ARGV[44]), tonumber(ARGV[45]) }
  for at = 1, 3 do claim.unreported[at] = claim.unreported[at] + in_flight[at] end
end

-- Returns requests, tokens and n$ that this process cannot use: leases of other processes, and its own unreported usage.
local function out_of_reach()
  local requests, tokens, dollars = leased_to_others(state, claim.part, rpm, tpm)
  return requests + claim.unreported[1], tokens + claim.unreported[2], dollars + claim.unreported[3]
end

local function left(limit, used)
  return limit and math.max(0, limit - used) or -1
end

local function remaining()
  local requests, tokens, dollars = out_of_reach()
  return left(rpm, state.requests + requests), left(tpm, state.tokens + tokens), left(usd, committed(state) + dollars)
end

local function answer(status, retry_after, record)
  local reset = (status == 'admitted' or only_reports) and SPAN or empty_in(state)
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
    state.report[1],
    state.report[2],
    state.report[3],
  }
end

-- Returns the limit that refuses the attempt and ms until it fits (-1: never); nil if the attempt fits.
local function refusal()
  local leased_requests, leased_tokens, leased_usd = out_of_reach()
  if usd and committed(state) + leased_usd + worst > usd then
    if worst > usd then return 'daily_usd', -1 end
    -- Holds and leases are mostly given back soon; spent money counts until the day ends.
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

if only_reports then return answer('told', 0) end
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
