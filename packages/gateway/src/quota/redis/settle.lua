-- Replaces a reservation by the actual usage: gives back what was not used, and adds what was used beyond it to the
-- current window. A repeated settlement changes nothing. A settlement whose reservation is unknown, because the state was
-- flushed or the reservation never arrived, counts in full.
--
-- Input:
--   KEYS[1]   the team's state
--   KEYS[2]   the reservation's record
--   KEYS[3]   mean output tokens by agent and model, in thousandths
--   ARGV[1]   current time in ms; empty: the server's clock is used
--   ARGV[2]   id of the calling process
--   ARGV[3]   tokens used; empty: unknown, all reserved tokens count
--   ARGV[4]   output tokens to learn from; empty: none
--   ARGV[5]   n$ spent; empty: unknown, the worst case counts
--   ARGV[6]   unconfirmed n$: may have been spent in addition
--   ARGV[7]   UTC offset of the time zone, in ms
--   ARGV[8]   time of its next change, in ms
--   ARGV[9]   UTC offset after that change, in ms
--
-- Output:
--   1  settled, fresh (its reservation is unknown) or repeated
--   2  epoch
--   3  seq
--   4  day
--   5  n$ of this day: spent, held, unconfirmed, and leased to other processes
--   6  tokens used beyond the reservation

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

local unconfirmed = tonumber(ARGV[6])
local learned_tokens = tonumber(ARGV[4])
change(state, 'seq', state.seq + 1)

if not known then
  local tokens = tonumber(ARGV[3]) or 0
  if tokens > 0 then add(state, state.clock, 0, tokens) end
  change(state, 'spent', state.spent + (tonumber(ARGV[5]) or 0))
  change(state, 'doubt', state.doubt + unconfirmed)
  remember(KEYS[2], { 'closed', -1, -1, -1 }, REMEMBER)
  return answer('fresh', tokens)
end

local stamp, reserved, worst, day, ends, field, epoch = unpack(known, 5)
local tokens, cost = tonumber(ARGV[3]) or reserved, tonumber(ARGV[5]) or worst
local held = { stamp = stamp, tokens = reserved, worst = worst, day = day, ends = ends, epoch = epoch }
settle(state, held, tokens, cost, unconfirmed)
if learned_tokens then
  learn(KEYS[3], field, learned_tokens)
  save_means(state, KEYS[3])
end
remember(KEYS[2], { 'closed', known[2], known[3], known[4] }, REMEMBER)
return answer('settled', math.max(0, tokens - reserved))
