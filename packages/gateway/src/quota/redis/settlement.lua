-- Functions that settle.lua and report.lua share: they replace a reservation by the actual usage, and learn the mean
-- length of answers.

local WEIGHT = 0.1
local THOUSANDTHS = 1000
local MOST_MEANS = 1000
-- means: mean output tokens that this run has learned, in thousandths, by field. learned: { field, is new } of each.
local means, learned = {}, {}

-- Replaces a reservation by the actual usage. held: { stamp, tokens, worst, day, ends, epoch } of the reservation.
local function settle(state, held, tokens, cost, unconfirmed)
  if held.day == state.day then
    -- A state of another epoch has no hold of this reservation.
    if held.epoch == state.epoch and not hold(state, held.ends, -held.worst) then
      change(state, 'doubt', math.max(0, state.doubt - held.worst))
    end
    change(state, 'spent', state.spent + cost)
    change(state, 'doubt', state.doubt + unconfirmed)
  end
  if tokens > held.tokens then add(state, state.clock, 0, tokens - held.tokens) end
  if tokens < held.tokens then give_back(state, held.stamp, 0, held.tokens - tokens) end
end

local function mean_of(key, field)
  if means[field] then return means[field] end
  local mean = redis.pcall('HGET', key, field)
  if type(mean) == 'table' then redis.call('DEL', key) end
  return type(mean) == 'string' and whole(mean) or nil
end

local function learn(key, field, tokens)
  local old, new = mean_of(key, field), tokens * THOUSANDTHS
  if old then new = math.floor(old + WEIGHT * (new - old) + 0.5) end
  if not means[field] then learned[#learned + 1] = { field, not old } end
  means[field] = new
end

local function save_means(state, key)
  for _, entry in ipairs(learned) do
    local field, is_new = entry[1], entry[2]
    -- The hash is bounded: when it is full, all means are deleted, and each agent learns its own again in a call or two.
    if is_new and redis.call('HLEN', key) >= MOST_MEANS then redis.call('DEL', key) end
    redis.call('HSET', key, field, digits(means[field]))
    if is_new or state.renews then redis.call('PEXPIRE', key, KEEP) end
  end
end
