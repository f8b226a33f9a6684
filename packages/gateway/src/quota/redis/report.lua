-- Applies a usage report: a batch of calls that a process admitted by its lease without asking Redis. Until the report
-- arrives, the lease covers these calls. Each report has a number, and a process closes the next one only after Redis has
-- acknowledged the last. A report whose number was already applied changes nothing, so a repetition counts once.
--
-- Kinds of rows, by their first number. Ages are ms before the report was closed; words are indices into `words`:
--   1  a call that has ended: age, requests, tokens, n$ spent, unconfirmed n$ (may also have been spent), output tokens
--      to learn from (-1: none), word of its agent and model
--   2  a call in flight: age, requests, tokens, worst case in n$, lease of the hold in ms
--   3  the end of a call that an earlier report listed as in flight: the clock and time of that report; in it the call's
--      age, tokens, worst case in n$ and lease in ms; word of its epoch; then tokens, n$ spent, unconfirmed n$, output
--      tokens to learn from (-1: none), word of its agent and model

-- report: { number, ago = ms since it was closed, rows, words }
local function apply_report(state, process, report, zone, means_key)
  if report.number <= state.report[1] then return end
  local clock, time = state.clock - report.ago, state.now - report.ago

  local function admit(age, requests, tokens)
    if clock - age + SPAN > state.clock then add(state, clock - age, requests, tokens) end
    return day_at(time - age, zone)
  end

  for _, row in ipairs(report.rows) do
    local kind = row[1]
    if kind == 1 then
      local day = admit(row[2], row[3], row[4])
      if day == state.day then
        change(state, 'spent', state.spent + row[5])
        change(state, 'doubt', state.doubt + row[6])
      end
      if row[7] >= 0 then learn(means_key, report.words[row[8]], row[7]) end
    elseif kind == 2 then
      local day = admit(row[2], row[3], row[4])
      if day == state.day then hold(state, hold_ends(clock, row[6]), row[5]) end
    else
      local age, tokens, worst = row[4], row[5], row[6]
      settle(state, {
        stamp = row[2] - age,
        tokens = tokens,
        worst = worst,
        day = day_at(row[3] - age, zone),
        ends = hold_ends(row[2], row[7]),
        epoch = report.words[row[8]],
      }, row[9], row[10], row[11])
      if row[12] >= 0 then learn(means_key, report.words[row[13]], row[12]) end
    end
  end
  if #report.rows > 0 then change(state, 'seq', state.seq + 1) end
  state.report = { report.number, clock, time }
  state.reports[process] = state.report
end
