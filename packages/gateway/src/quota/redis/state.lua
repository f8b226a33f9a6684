-- What reserve.lua and settle.lua share: a team's state, opened at the start of a script and saved at its end.
--
-- One hash per team, whose fields are
--   clock        a steady time in ms, which never goes back: the server's less `skew`
--   skew         ms by which the server's clock has been seen to jump
--   epoch        the name of this life: a state that was flushed is born again under another one
--   seq          counts what changed the books; whoever was told a higher one knows that writes were lost
--   day          days since 1970 in the team's zone
--   inherited    n$ that this day had seen before this life, as the processes remember it
--   spent        n$ of settled calls
--   doubt        n$ that may have been spent without our seeing it
--   held         packed (lease's end, n$), ...: worst cases of calls in flight
--   window       packed (stamp, requests, tokens), ...: the last minute as one-second buckets, oldest first; a bucket
--                leaves SPAN after its stamp, which is the latest admission in it
--   version, rpm, tpm, usd   the newest limits that came with a policy version
--   alive        packed (process, last heard), ...: who has said so, and who may still hold a lease
--   most         the most processes that were alive at one time, this day
--   leased       packed (requests, tokens, n$, n$ lapsed): the sum of all leases, and dollars of leases whose process
--                has been silent for so long that it counts as dead: it may have spent them
--   lease:p      of each process, packed (number, last heard, requests, tokens, n$, day): what it may use when Redis is
--                away, or not asked. It counts against every process but its holder.
--   tab:p      of each process, packed (number, clock, time): the last tab that it was heard of, and the steady and the
--                server's time at which that was closed
--   told         packed process, ...: who has told this life what it remembers of the one before
--   recalled     packed (stamp, requests, tokens, requests told, tokens told): the fullest that anyone remembers the
--                window of the life before, and how much of that its processes have claimed as theirs by now
-- Whatever is not as it should be counts as absent: garbage must not fail calls for ever.

local SPAN = 60250
local DAY = 86400000
local KEEP = 2 * DAY
local RENEW = 60000
-- Steps of the server's clock that are smaller are not told from a late command.
local BACK = 1000
local AHEAD = 5000
-- A lease's requests and tokens may be used for so long after its holder was last heard.
local LEASE = 60000
-- Its dollars: a process that has been silent for longer counts as dead.
local DEAD = 2 * 3600000
local SILENT = 150000
local FIELDS = {
  'clock', 'skew', 'epoch', 'seq', 'day', 'inherited', 'spent', 'doubt', 'held', 'window',
  'version', 'rpm', 'tpm', 'usd', 'alive', 'most', 'leased', 'told', 'recalled',
}

-- A hold ends with its slot: so few that all of a team's holds fit in a short list.
local SLOTS = 32

local function whole(text)
  return tonumber(string.match(text or '', '^%d+$') or '')
end

-- Redis writes large numbers as 1e+15.
local function digits(number)
  return string.format('%.0f', number)
end

local function unpacked(packed)
  if not packed then return {} end
  local ok, list = pcall(cmsgpack.unpack, packed)
  return ok and type(list) == 'table' and list or {}
end

-- A flat list of rows of numbers, or none of it.
local function rows(packed, width)
  local list = unpacked(packed)
  if #list % width ~= 0 then return {} end
  for at = 1, #list do
    if type(list[at]) ~= 'number' then return {} end
  end
  return list
end

local function change(state, field, value)
  state[field] = value
  state.changed[field] = true
end

-- The server's clock may be set. What counts minutes goes by a steady time instead: a step back stops it, and a step
-- ahead is told from time that has passed by what the asker says: when it was last told the steady time, and how long
-- ago that is by a clock of its own that nobody sets. Days go by the server's clock (`now`).
local function set_clock(state, asked, told, ago)
  local now = tonumber(asked)
  if now ~= nil then
    change(state, 'clock', math.max(now, state.clock))
    state.now = state.clock
    return
  end
  local time = redis.call('TIME')
  state.now = time[1] * 1000 + math.floor(time[2] / 1000)
  local steady = state.now - state.skew
  local expected = told and math.max(told + ago, state.clock)
  if steady < state.clock - BACK then
    -- All that the window holds counts as just admitted, whatever the time was at which it was.
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

-- zone: the offset from UTC in ms, the moment it next changes, the offset from then on.
local function day_at(now, zone)
  return math.floor((now + (now < zone.changes and zone.before or zone.after)) / DAY)
end

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
    -- The clock had been days ahead. What was spent then counts today, or the budget would come back for nothing.
    for at = 2, #state.held, 2 do change(state, 'doubt', state.doubt + state.held[at]) end
    change(state, 'day', day)
    return change(state, 'held', {})
  end
  change(state, 'day', day)
  for _, field in ipairs({ 'inherited', 'spent', 'doubt', 'most' }) do change(state, field, 0) end
  change(state, 'held', {})
  -- A lease's dollars are of the day on which they were granted.
  change(state, 'leased', { state.leased[1], state.leased[2], 0, 0 })
end

-- Holds whose lease has run out are doubt.
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

-- { number, last heard, requests, tokens, n$, day }
local function lease_of(state, packed)
  local lease = rows(packed, 6)
  if #lease == 0 then return { 0, 0, 0, 0, 0, state.day } end
  if lease[6] ~= state.day then lease[5], lease[6] = 0, state.day end
  return lease
end

-- Only who reserves ends a day: who settles may not know the team's zone.
local function open(key, asked, process, zone, reserves, told)
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
  local state = { key = key, changed = {}, leases = {}, tabs = {}, gone = {} }
  for _, field in ipairs({ 'clock', 'seq', 'day', 'inherited', 'spent', 'doubt', 'version', 'most' }) do
    state[field] = whole(read[field]) or 0
  end
  for _, field in ipairs({ 'rpm', 'tpm', 'usd' }) do state[field] = whole(read[field]) end
  state.skew = tonumber(string.match(read.skew or '', '^-?%d+$') or '') or 0
  state.held, state.window = rows(read.held, 2), rows(read.window, 3)
  state.alive, state.told = unpacked(read.alive), unpacked(read.told)
  state.recalled = rows(read.recalled, 5)
  state.leased = rows(read.leased, 4)
  if #state.leased == 0 then state.leased = { 0, 0, 0, 0 } end
  local same = told and told.epoch ~= '' and told.epoch == read.epoch
  local before = math.floor(state.clock / RENEW)
  set_clock(state, asked, same and told.clock, same and told.ago)
  -- KEEP is so long that it need not begin anew with each write.
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
  state.tab = rows(found[#names], 3)
  if #state.tab == 0 then state.tab = { 0, 0, 0 } end
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
  for process, tab in pairs(state.tabs) do
    pairs_to_set[#pairs_to_set + 1] = 'tab:' .. process
    pairs_to_set[#pairs_to_set + 1] = cmsgpack.pack(tab)
  end
  redis.call('HSET', state.key, unpack(pairs_to_set))
  for _, process in ipairs(state.gone) do
    redis.call('HDEL', state.key, 'lease:' .. process, 'tab:' .. process)
  end
  if state.renews then redis.call('PEXPIRE', state.key, KEEP) end
end

-- What the day has taken, or may have, apart from leases.
local function committed(state)
  return state.inherited + state.spent + state.doubt + state.in_flight + state.leased[4]
end

-- Buckets stay in order; one admitted by a process while Redis was away may belong among earlier ones.
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

-- What is taken out of a second is not there any more if that second has left the window.
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

-- Milliseconds until `excess` has left the window. column: 1 requests, 2 tokens.
local function free_in(state, column, excess)
  local freed = 0
  for at = 1, #state.window, 3 do
    freed = freed + state.window[at + column]
    if freed >= excess then return math.max(1, state.window[at] + SPAN - state.clock) end
  end
  return SPAN
end

-- A positive amount is held until `ends`; a negative one is let go. False: that hold is no more.
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

-- The end of a hold that begins at this time.
local function hold_ends(clock, lease)
  local slot = math.max(1000, math.floor(lease / SLOTS))
  return math.ceil((clock + lease) / slot) * slot
end

-- Until the window is empty, if nobody else comes.
local function empty_in(state)
  local newest = state.window[#state.window - 2]
  return newest and math.max(1, newest + SPAN - state.clock) or 0
end

-- A reservation's record: { 'open', requests, tokens, usd left, stamp, tokens, worst case, day, lease's end, field of
-- its expectation, epoch }, and once settled { 'closed', requests, tokens, usd left }.
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
