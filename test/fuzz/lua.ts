/** A script with a counter at each branch. Its reply: whether it ran, the counters that were reached, its own reply. */
export type InstrumentedScript = { source: string; branches: number }

const TOKEN = /--\[\[.*?\]\]|--[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|\b(?:then|else|do|function)\b/gs

/** Adds `C[n] = true` to each branch, loop and function of a Lua script. @param first number of the first counter */
export function instrumentLua(source: string, first: number): InstrumentedScript {
  let next = first
  let counted = ''
  let from = 0
  for (const { 0: token, index } of source.matchAll(TOKEN)) {
    let to = index + token.length
    if (index < from || /^['"-]/.test(token)) continue
    // A function's body begins after its parameters.
    if (token === 'function') to = source.indexOf(')', to) + 1
    counted += `${source.slice(from, to)} C[${next++}] = true `
    from = to
  }
  return {
    source: `local C = {}
local function main() ${counted}${source.slice(from)}
end
local ok, reply = pcall(main)
local reached = {}
for at in pairs(C) do reached[#reached + 1] = at end
if ok then return { 1, reached, reply } end
return { 0, reached, type(reply) == 'table' and reply.err or tostring(reply) }`,
    branches: next - first,
  }
}
