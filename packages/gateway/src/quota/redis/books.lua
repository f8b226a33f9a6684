-- Shows or changes the books of one team for an operator. Leases and holds always stay: what live processes may still spend
-- keeps counting, so that together they never exceed the limit.
--
-- Input:
--   KEYS[1]   the team's state
--   KEYS[2]   log of the changes
--   ARGV[1]   'show'; 'reset'; or 'balance'
--   ARGV[2]   UTC offset of the time zone, in ms
--   ARGV[3]   time of its next change, in ms
--   ARGV[4]   UTC offset after that change, in ms
--   ARGV[5]   for reset: 'day', 'minute', or 'day+minute'; for balance: n$ that the day has cost by other evidence
--   ARGV[6]   for balance: '1' also lowers; else it only raises
--   ARGV[7]   for balance: the day of the evidence, in days since 1970-01-01
--   ARGV[8]   who changes it and why: members of a JSON object, for the log
--
-- Output:
--   1   'absent', 'damaged', 'shown', 'changed', 'unchanged', or 'other-day'; the first two without the rest
--   2   day, as in the state; this and all figures as text, in full
--   3   figures before: see `figures`
--   4   figures after
--   5   list of each process: name, ms since its last sign of life, requests, tokens and n$ of its lease, number of the
--       lease, ms since its grant, number of its last usage report

local LOGGED = 100
local KEEP_LOG = 400 * DAY

local held = redis.call('TYPE', KEYS[1]).ok
if held ~= 'hash' and held ~= 'none' then return { 'damaged' } end
local what = ARGV[1]
if held == 'none' and what ~= 'balance' then return { 'absent' } end

local zone = { before = tonumber(ARGV[2]), changes = tonumber(ARGV[3]), after = tonumber(ARGV[4]) }
local state = open(KEYS[1], '', '', zone, true)

-- n$ are settled, of earlier epochs, unconfirmed, held, leased, lapsed; then requests and tokens of the window and of all
-- leases, holds, limits of the highest policy version (-1: none), and the version.
local function figures()
  return {
    digits(state.spent), digits(state.inherited), digits(state.doubt), digits(state.in_flight),
    digits(state.leased[3]), digits(state.leased[4]),
    digits(state.requests), digits(state.tokens), digits(state.leased[1]), digits(state.leased[2]),
    digits(#state.held / 2), digits(state.rpm or -1), digits(state.tpm or -1), digits(state.usd or -1),
    digits(state.version),
  }
end

local function processes()
  local list, names, alive = {}, {}, list_of(state, 'alive')
  for at = 1, #alive - 1, 2 do
    names[#names + 1] = 'lease:' .. tostring(alive[at])
    names[#names + 1] = 'tab:' .. tostring(alive[at])
  end
  local leases = read_fields(KEYS[1], names)
  for at = 1, #alive - 1, 2 do
    local lease = lease_of(state, leases[at])
    local report = rows(leases[at + 1], 3)
    list[#list + 1] = {
      tostring(alive[at]), digits(state.clock - (tonumber(alive[at + 1]) or 0)),
      digits(lease[3]), digits(lease[4]), digits(lease[5]), digits(lease[1]),
      digits(state.clock - lease[2]), digits(report[1] or 0),
    }
  end
  return list
end

local before = figures()

local function answer(outcome)
  return {
    outcome,
    digits(state.day),
    before,
    figures(),
    processes(),
  }
end

if what == 'show' then return answer('shown') end

local function note()
  local after = figures()
  local line = '{"at":' .. digits(state.now) .. ',"day":' .. digits(state.day) .. ',"what":' .. cjson.encode(what)
    .. ',"before":[' .. table.concat(before, ',') .. '],"after":[' .. table.concat(after, ',') .. '],' .. ARGV[8] .. '}'
  redis.call('LPUSH', KEYS[2], line)
  redis.call('LTRIM', KEYS[2], 0, LOGGED - 1)
  redis.call('PEXPIRE', KEYS[2], digits(KEEP_LOG))
end

local function finish()
  -- A process that has seen more writes than a Redis that failed over restores what it knows.
  change(state, 'seq', state.seq + 1)
  note()
  local changed = answer('changed')
  save(state)
  return changed
end

if what == 'reset' then
  -- Lapsed dollars stay: a process that was only stopped for hours may still spend them.
  if ARGV[5] ~= 'minute' then
    for _, field in ipairs({ 'spent', 'inherited', 'doubt' }) do change(state, field, 0) end
  end
  if ARGV[5] ~= 'day' then
    change(state, 'window', {})
    change(state, 'recalled', {})
    state.requests, state.tokens = 0, 0
  end
  return finish()
end

if tonumber(ARGV[7]) ~= state.day then return answer('other-day') end
local evidence = tonumber(ARGV[5])
local known = state.spent + state.inherited + state.doubt
if evidence > known then
  -- Processes that restore a lost state take the higher of this and what they know: nothing counts twice.
  change(state, 'inherited', state.inherited + evidence - known)
elseif evidence < known and ARGV[6] == '1' then
  local excess = known - evidence
  for _, field in ipairs({ 'doubt', 'inherited', 'spent' }) do
    local less = math.min(excess, state[field])
    change(state, field, state[field] - less)
    excess = excess - less
  end
else
  return answer('unchanged')
end
return finish()
