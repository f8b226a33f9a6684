-- Puts the truth in the place of a reservation: what was held too much is given back, what was taken beyond is debt of
-- the minutes to come. A repeated settlement changes nothing. One whose reservation nobody remembers, because it was
-- flushed or never arrived, is spend all the same.
--
-- Input:
--   KEYS[1]   the team's state
--   KEYS[2]   the reservation's record
--   KEYS[3]   how long answers usually are, in thousandths of a token, by agent and model
--   ARGV[1]   now, in ms; empty: the server's clock
--   ARGV[2]   the process that asks
--   ARGV[3]   tokens used; empty: nobody knows, and it counts as all that was reserved
--   ARGV[4]   output tokens to learn from, or empty
--   ARGV[5]   n$ spent; empty: nobody knows, and it counts as the worst case
--   ARGV[6]   n$ that may have been spent besides
--   ARGV[7]   the zone's offset from UTC, in ms
--   ARGV[8]   when that changes, in ms
--   ARGV[9]   the offset from then on
--
-- Output:
--   1  settled, fresh (nobody remembers its reservation) or repeated
--   2  epoch
--   3  seq
--   4  day
--   5  n$ that this day has taken, or may have
--   6  tokens charged beyond what was reserved

local REMEMBER = 15 * 60000

local zone = { before = tonumber(ARGV[7]), changes = tonumber(ARGV[8]), after = tonumber(ARGV[9]) }
local state = open(KEYS[1], ARGV[1], ARGV[2], zone, false)
local known = recall(KEYS[2])

local function answer(outcome, excess)
  save(state)
  return {
    outcome,
    state.epoch,
    state.seq,
    state.day,
    committed(state) + state.leased[3] - state.own[5],
    excess,
  }
end

if known and known[1] == 'closed' then return answer('repeated', 0) end

local doubt = tonumber(ARGV[6])
local learned_tokens = tonumber(ARGV[4])
change(state, 'seq', state.seq + 1)

if not known then
  local tokens = tonumber(ARGV[3]) or 0
  if tokens > 0 then add(state, state.clock, 0, tokens) end
  change(state, 'spent', state.spent + (tonumber(ARGV[5]) or 0))
  change(state, 'doubt', state.doubt + doubt)
  remember(KEYS[2], { 'closed', -1, -1, -1 }, REMEMBER)
  return answer('fresh', tokens)
end

local stamp, reserved, worst, day, ends, field, epoch = unpack(known, 5)
local tokens, cost = tonumber(ARGV[3]) or reserved, tonumber(ARGV[5]) or worst
local held = { stamp = stamp, tokens = reserved, worst = worst, day = day, ends = ends, epoch = epoch }
settle(state, held, tokens, cost, doubt)
if learned_tokens then
  learn(KEYS[3], field, learned_tokens)
  save_means(state, KEYS[3])
end
remember(KEYS[2], { 'closed', known[2], known[3], known[4] }, REMEMBER)
return answer('settled', math.max(0, tokens - reserved))
