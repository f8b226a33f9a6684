-- Functions that all quota scripts share: a script opens a team's state at its start and saves it at its end.
--
-- Each team has one hash. Its fields:
--   clock        monotonic time in ms: the server's clock minus `skew`; never goes back
--   skew         ms by which the server's clock has jumped
--   epoch        name of this state; a state that was flushed and created again has another name
--   seq          number of changes; a process that has seen a higher number knows that writes were lost
--   day          days since 1970-01-01 in the team's time zone
--   inherited    n$ of this day from earlier epochs, as the processes report it
--   spent        n$ of settled calls
--   doubt        unconfirmed n$: may have been spent, but no settlement confirms it
--   held         packed (end of the hold, n$), ...: worst cases of calls in flight
--   window       packed (stamp, requests, tokens), ...: the last minute in one-second buckets, oldest first. A bucket
--                expires SPAN ms after its stamp, the time of its latest admission
--   version, rpm, tpm, usd   limits of the highest policy version
--   alive        packed (process, time of its last sign of life), ...: processes that are alive or may hold a lease. This and
--                `told` grow with the team's processes, so they are read only where they are needed: see `list_of`
--   fleet        number of processes alive when one of them last announced itself, or left
--   most         highest number of processes alive at one time, on this day
--   leased       packed (requests, tokens, n$, lapsed n$): the sum of all leases, and the dollars of leases whose process
--                counts as dead and may have spent them
--   lease:p      of process p, packed (number, time of the last grant, requests, tokens, n$, day): what p may use without
--                asking Redis. It counts as used for every process except p
--   tab:p        of process p, packed (number, clock, time): the last usage report of p that was applied, and the
--                monotonic and the server's time at which it was closed
--   told         packed process, ...: processes that have reported to this epoch what they know of the one before
--   recalled     packed (stamp, requests, tokens, own requests, own tokens): the largest load of the previous epoch's
--                window that a process knows, and the part of it that processes have reported as their own admissions
-- A malformed field counts as absent: a damaged value must not fail calls permanently.

local SPAN = 60250
local DAY = 86400000
local KEEP = 2 * DAY
local RENEW = 60000
-- Smaller steps of the server's clock, in ms, cannot be distinguished from a delayed command.
local BACK = 1000
local AHEAD = 5000
-- Time for which a lease's requests and tokens may be used after the grant, in ms.
local LEASE = 60000
-- A process that has been silent for longer, in ms, counts as dead: the dollars of its lease lapse.
local DEAD = 2 * 3600000
-- A process that has been silent for longer, in ms, does not count as alive.
local SILENT = 150000
local FIELDS = {
  'clock', 'skew', 'epoch', 'seq', 'day', 'inherited', 'spent', 'doubt', 'held', 'window',
  'version', 'rpm', 'tpm', 'usd', 'fleet', 'most', 'leased', 'recalled',
}

-- The end of a hold is rounded up to a slot. Few slots keep the list of a team's holds short.
local SLOTS = 32

-- Most values of one command: Lua cannot unpack some 8,000.
local AT_ONCE = 1000

local function whole(text)
  return tonumber(string.match(text or '', '^%d+$') or '')
end

-- Formats a number in full: Redis writes large numbers as 1e+15.
local function digits(number)
  return string.format('%.0f', number)
end

local function unpacked(packed)
  if not packed then return {} end
  local ok, list = pcall(cmsgpack.unpack, packed)
  return ok and type(list) == 'table' and list or {}
end

-- Returns the list `alive` or `told`.
local function list_of(state, field)
  state[field] = state[field] or unpacked(redis.call('HGET', state.key, field))
  return state[field]
end

-- Unpacks a flat list of rows of numbers; returns {} if any of it is malformed.
local function rows(packed, width)
  local list = unpacked(packed)
  if #list % width ~= 0 then return {} end
  for at = 1, #list do
    if type(list[at]) ~= 'number' then return {} end
  end
  return list
end

local function read_fields(key, names)
  local found = {}
  for from = 1, #names, AT_ONCE do
    local some = redis.call('HMGET', key, unpack(names, from, math.min(#names, from + AT_ONCE - 1)))
    for at = 1, #some do found[#found + 1] = some[at] end
  end
  return found
end

local function change(state, field, value)
  state[field] = value
  state.changed[field] = true
end

-- Sets `clock` and `now`. The server's clock may be changed, so windows use a monotonic time: a step back stops it. A step
-- ahead is recognised by the caller's own monotonic clock: `heard` is the monotonic time that Redis last sent the caller,
-- `ago` the ms that have passed since. Days use the server's clock (`now`).
local function set_clock(state, given, heard, ago)
  local now = tonumber(given)
  if now ~= nil then
    change(state, 'clock', math.max(now, state.clock))
    state.now = state.clock
    return
  end
  local time = redis.call('TIME')
  state.now = time[1] * 1000 + math.floor(time[2] / 1000)
  local steady = state.now - state.skew
  local expected = heard and math.max(heard + ago, state.clock)
  if steady < state.clock - BACK then
    -- The time of each admission is unknown: the whole window counts as just admitted.
    for at = 1, #state.window, 3 do state.window[at] = state.clock end
    change(state, 'window', state.window)
    steady = state.clock
    change(state, 'skew', state.now - steady)
  elseif expected and steady > expected + AHEAD then
    steady = expected
    change(state, 'skew', state.now - steady)
  end
  change(state, 'clock', math.max(steady, state.clock))
end

-- Returns the number of the day. zone: { before = UTC offset in ms, changes = time of its next change, after = offset after
-- that change }.
local function day_at(now, zone)
  return math.floor((now + (now < zone.changes and zone.before or zone.after)) / DAY)
end

-- Returns the time at which a day ends in the zone, in ms.
local function day_ends(now, day, zone)
  local ends = (day + 1) * DAY - zone.after
  if now >= zone.changes then return ends end
  local sooner = (day + 1) * DAY - zone.before
  return sooner < zone.changes and sooner or math.max(zone.changes, ends)
end

local function turn_day(state, zone)
  local day = day_at(state.now, zone)
  if day == state.day or day == state.day - 1 then return end
  if day < state.day then
    -- The clock had been days ahead. What was spent then counts today; otherwise a clock change would reset the budget.
    for at = 2, #state.held, 2 do change(state, 'doubt', state.doubt + state.held[at]) end
    change(state, 'day', day)
    return change(state, 'held', {})
  end
  change(state, 'day', day)
  for _, field in ipairs({ 'inherited', 'spent', 'doubt', 'most' }) do change(state, field, 0) end
  change(state, 'held', {})
  -- The dollars of a lease belong to the day of its grant.
  change(state, 'leased', { state.leased[1], state.leased[2], 0, 0 })
end

-- Moves holds that have expired to `doubt`.
local function sweep_holds(state)
  local kept, held = {}, 0
  for at = 1, #state.held, 2 do
    if state.held[at] > state.clock then
      kept[#kept + 1], kept[#kept + 2] = state.held[at], state.held[at + 1]
      held = held + state.held[at + 1]
    else
      change(state, 'doubt', state.doubt + state.held[at + 1])
    end
  end
  if #kept < #state.held then change(state, 'held', kept) end
  state.in_flight = held
end

local function sweep_window(state)
  local from = 1
  while state.window[from] and state.window[from] + SPAN <= state.clock do from = from + 3 end
  if from > 1 then
    local kept = {}
    for at = from, #state.window do kept[#kept + 1] = state.window[at] end
    change(state, 'window', kept)
  end
  state.requests, state.tokens = 0, 0
  for at = 1, #state.window, 3 do
    state.requests = state.requests + state.window[at + 1]
    state.tokens = state.tokens + state.window[at + 2]
  end
end

-- Returns a lease: { number, time of the last grant, requests, tokens, n$, day }.
local function lease_of(state, packed)
  local lease = rows(packed, 6)
  if #lease == 0 then return { 0, 0, 0, 0, 0, state.day } end
  if lease[6] ~= state.day then lease[5], lease[6] = 0, state.day end
  return lease
end

-- Opens a team's state. Only a reservation starts a new day: a settlement may not know the team's time zone.
-- last: { epoch, clock, ago } that the calling process knows; absent if it knows none.
local function open(key, given, process, zone, reserves, last)
  local names = { unpack(FIELDS) }
  names[#names + 1] = 'lease:' .. process
  names[#names + 1] = 'tab:' .. process
  local found = redis.pcall('HMGET', key, unpack(names))
  if found.err then
    redis.call('DEL', key)
    found = {}
  end
  local read = {}
  for at, field in ipairs(FIELDS) do read[field] = found[at] end
  local state = { key = key, changed = {}, leases = {}, reports = {}, gone = {} }
  for _, field in ipairs({ 'clock', 'seq', 'day', 'inherited', 'spent', 'doubt', 'version', 'most' }) do
    state[field] = whole(read[field]) or 0
  end
  for _, field in ipairs({ 'rpm', 'tpm', 'usd', 'fleet' }) do state[field] = whole(read[field]) end
  state.skew = tonumber(string.match(read.skew or '', '^-?%d+$') or '') or 0
  state.held, state.window = rows(read.held, 2), rows(read.window, 3)
  state.recalled = rows(read.recalled, 5)
  state.leased = rows(read.leased, 4)
  if #state.leased == 0 then state.leased = { 0, 0, 0, 0 } end
  local same = last and last.epoch ~= '' and last.epoch == read.epoch
  local before = math.floor(state.clock / RENEW)
  set_clock(state, given, same and last.clock, same and last.ago)
  -- KEEP is much longer than RENEW, so the expiry need not be set with each write.
  state.renews = not read.epoch or math.floor(state.clock / RENEW) ~= before
  if read.epoch then
    state.epoch = read.epoch
  else
    change(state, 'epoch', process .. ':' .. digits(state.now))
  end
  if reserves or (zone and state.day == 0) then turn_day(state, zone) end
  sweep_holds(state)
  sweep_window(state)
  state.own = lease_of(state, found[#names - 1])
  state.report = rows(found[#names], 3)
  if #state.report == 0 then state.report = { 0, 0, 0 } end
  return state
end

local PACKED = { held = true, window = true, alive = true, told = true, recalled = true, leased = true }

local function save(state)
  local pairs_to_set = {}
  for field in pairs(state.changed) do
    local value = state[field]
    if PACKED[field] then value = cmsgpack.pack(value) end
    if type(value) == 'number' then value = digits(value) end
    pairs_to_set[#pairs_to_set + 1] = field
    pairs_to_set[#pairs_to_set + 1] = value or ''
  end
  for process, lease in pairs(state.leases) do
    pairs_to_set[#pairs_to_set + 1] = 'lease:' .. process
    pairs_to_set[#pairs_to_set + 1] = cmsgpack.pack(lease)
  end
  for process, report in pairs(state.reports) do
    pairs_to_set[#pairs_to_set + 1] = 'tab:' .. process
    pairs_to_set[#pairs_to_set + 1] = cmsgpack.pack(report)
  end
  for from = 1, #pairs_to_set, AT_ONCE do
    redis.call('HSET', state.key, unpack(pairs_to_set, from, math.min(#pairs_to_set, from + AT_ONCE - 1)))
  end
  for _, process in ipairs(state.gone) do
    redis.call('HDEL', state.key, 'lease:' .. process, 'tab:' .. process)
  end
  if state.renews then redis.call('PEXPIRE', state.key, KEEP) end
end

-- Returns n$ of the day without leases: inherited, spent, unconfirmed, held and lapsed.
local function committed(state)
  return state.inherited + state.spent + state.doubt + state.in_flight + state.leased[4]
end

-- Adds an admission to the window. Keeps the order of buckets: an admission made while Redis was unreachable may be older
-- than the newest bucket.
local function add(state, stamp, requests, tokens)
  local window, second = state.window, math.floor(stamp / 1000)
  local at = #window - 2
  while at > 0 and math.floor(window[at] / 1000) > second do at = at - 3 end
  if at > 0 and math.floor(window[at] / 1000) == second then
    window[at] = math.max(window[at], stamp)
    window[at + 1] = window[at + 1] + requests
    window[at + 2] = window[at + 2] + tokens
  else
    at = math.max(at, -2)
    table.insert(window, at + 3, stamp)
    table.insert(window, at + 4, requests)
    table.insert(window, at + 5, tokens)
  end
  state.requests = state.requests + requests
  state.tokens = state.tokens + tokens
  change(state, 'window', window)
end

-- Gives back requests and tokens of one bucket; does nothing if that bucket has expired.
local function give_back(state, stamp, requests, tokens)
  local window = state.window
  for at = 1, #window, 3 do
    if math.floor(window[at] / 1000) == math.floor(stamp / 1000) then
      requests, tokens = math.min(requests, window[at + 1]), math.min(tokens, window[at + 2])
      window[at + 1] = window[at + 1] - requests
      window[at + 2] = window[at + 2] - tokens
      state.requests, state.tokens = state.requests - requests, state.tokens - tokens
      return change(state, 'window', window)
    end
  end
end

-- Returns ms until `excess` has left the window. column: 1 requests, 2 tokens.
local function free_in(state, column, excess)
  local freed = 0
  for at = 1, #state.window, 3 do
    freed = freed + state.window[at + column]
    if freed >= excess then return math.max(1, state.window[at] + SPAN - state.clock) end
  end
  return SPAN
end

-- Adds a positive amount to the holds that end at `ends`, or releases a negative one. Returns false if no such hold exists.
local function hold(state, ends, amount)
  for at = 1, #state.held, 2 do
    if state.held[at] == ends then
      state.held[at + 1] = math.max(0, state.held[at + 1] + amount)
      state.in_flight = state.in_flight + amount
      change(state, 'held', state.held)
      return true
    end
  end
  if amount < 0 then return false end
  state.held[#state.held + 1], state.held[#state.held + 2] = ends, amount
  state.in_flight = state.in_flight + amount
  change(state, 'held', state.held)
  return true
end

-- Returns the end of a hold that starts at `clock`, rounded up to a slot.
local function hold_ends(clock, lease)
  local slot = math.max(1000, math.floor(lease / SLOTS))
  return math.ceil((clock + lease) / slot) * slot
end

-- Returns ms until the window is empty, if no further call is admitted.
local function empty_in(state)
  local newest = state.window[#state.window - 2]
  return newest and math.max(1, newest + SPAN - state.clock) or 0
end

-- Returns a reservation's record; nil if it is unknown. Until it is settled: { 'open', requests left, tokens left, n$ left,
-- stamp, tokens, worst case in n$, day, end of the hold, field of the mean output, epoch }. Afterwards: { 'closed', requests
-- left, tokens left, n$ left }.
local function recall(key)
  local packed = redis.pcall('GET', key)
  if type(packed) == 'table' then redis.call('DEL', key) end
  if type(packed) ~= 'string' then return nil end
  local record = unpacked(packed)
  if record[1] == 'closed' and #record == 4 then return record end
  if record[1] == 'open' and #record == 11 then return record end
  return nil
end

local function remember(key, record, ms)
  redis.call('SET', key, cmsgpack.pack(record), 'PX', digits(ms))
end
