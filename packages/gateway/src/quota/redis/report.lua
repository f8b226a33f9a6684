-- Tabs: what a process has admitted by its lease without asking, and what became of it, told all at once. Until then its
-- lease stands for it in the books. A tab has a number; one that was heard before changes nothing, however often it is
-- told and however late, because its holder closes the next one only once it knows that this one was heard.
--
-- Its rows, by their first number; times are ms before the tab was closed:
--   1  a call that has ended: age, requests, tokens, n$ spent, n$ that may have been spent besides, output tokens to learn
--      from (-1: none), and which of the words its agent and model are
--   2  a call that is under way: age, requests, tokens, n$ at most, ms after which that becomes doubt
--   3  the end of a call that an earlier tab had told: that tab's clock and time, and in it the call's age, tokens, n$ at
--      most and ms, its epoch (which of the words); then tokens, n$ spent, n$ that may have been spent besides,
--      output tokens to learn from, agent and model

-- tab: { number, ms since it was closed, rows, words }
local function hear_tab(state, process, tab, zone, means_key)
  if tab.number <= state.tab[1] then return end
  local clock, time = state.clock - tab.ago, state.now - tab.ago

  local function admit(age, requests, tokens)
    if clock - age + SPAN > state.clock then add(state, clock - age, requests, tokens) end
    return day_at(time - age, zone)
  end

  for _, row in ipairs(tab.rows) do
    local kind = row[1]
    if kind == 1 then
      local day = admit(row[2], row[3], row[4])
      if day == state.day then
        change(state, 'spent', state.spent + row[5])
        change(state, 'doubt', state.doubt + row[6])
      end
      if row[7] >= 0 then learn(means_key, tab.words[row[8]], row[7]) end
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
        epoch = tab.words[row[8]],
      }, row[9], row[10], row[11])
      if row[12] >= 0 then learn(means_key, tab.words[row[13]], row[12]) end
    end
  end
  if #tab.rows > 0 then change(state, 'seq', state.seq + 1) end
  state.tab = { tab.number, clock, time }
  state.tabs[process] = state.tab
end
