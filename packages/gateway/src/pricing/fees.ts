import { type Json, type JsonObject, list, object, text } from '../core/json.ts'

/**
 * US dollars for one call of a hosted tool, besides tokens: the highest price OpenAI has published for it, so that a
 * worst case holds. Web search in preview once cost up to $0.05 with a large context. Images are priced by their
 * tokens, which the request does not bound: they have no fee until a policy gives one. Source: OpenAI, "Pricing",
 * built-in tools (developers.openai.com/api/docs/pricing), 2026-11.
 */
const FEES: [type: RegExp, usd: number][] = [
  [/^web_search_preview/, 0.05],
  // Mini models also pay for a block of 8,000 input tokens each time, at up to $0.40 a million.
  [/^web_search/, 0.0132],
  [/^chat_search$/, 0.05],
  [/^file_search$/, 0.0025],
  [/^(mcp|tool_search|computer|computer_use|computer_use_preview)$/, 0],
]

/** Dollars for one container session by its memory; a container created elsewhere may be of the largest kind. */
const CONTAINERS: Record<string, number> = { '1g': 0.03, '4g': 0.12, '16g': 0.48, '64g': 1.92 }
const LARGEST_CONTAINER = 1.92

/** Returns the fee of one call in US dollars; `undefined` where it has no bound. */
export function feeOf(tool: JsonObject, fees: Record<string, number> = {}): number | undefined {
  const type = text(tool.type)
  if (Object.hasOwn(fees, type)) return fees[type]
  if (type === 'code_interpreter') return containerFee(tool.container)
  if (type === 'shell') return containerFee(tool.environment)
  return FEES.find(([pattern]) => pattern.test(type))?.[1]
}

function containerFee(container: Json | undefined): number {
  const { type, memory_limit } = object(container)
  if (!text(type).endsWith('auto')) return LARGEST_CONTAINER
  return CONTAINERS[text(memory_limit) || '1g'] ?? LARGEST_CONTAINER
}

/** Tool that produces an output item; items of other types are billed as tokens alone. */
const MADE_BY: Record<string, RegExp> = {
  web_search_call: /^web_search/,
  file_search_call: /^file_search$/,
  code_interpreter_call: /^code_interpreter$/,
  shell_call: /^shell$/,
  image_generation_call: /^image_generation$/,
}

/** Output items that cost nothing besides tokens. */
const FREE = new Set([
  'message',
  'reasoning',
  'function_call',
  'custom_tool_call',
  'computer_call',
  'local_shell_call',
  'apply_patch_call',
  'mcp_call',
  'mcp_list_tools',
  'mcp_approval_request',
  'tool_search_call',
  'tool_search_output',
  'shell_call_output',
])

/**
 * Sums the fees of the tool calls that an answer shows, in US dollars. `exact`: a policy gives the price of each.
 * `undefined` where an item is of an unknown type, or of a tool without a fee.
 */
export function feesShown(
  output: Json | undefined,
  tools: readonly JsonObject[],
  fees: Record<string, number> = {},
): { usd: number; exact: boolean } | undefined {
  let usd = 0
  let exact = true
  for (const item of list(output)) {
    const type = text(object(item).type)
    if (FREE.has(type)) continue
    const made = Object.hasOwn(MADE_BY, type) ? MADE_BY[type] : undefined
    const makers = tools.filter((tool) => made?.test(text(tool.type)))
    const prices = makers.map((tool) => feeOf(tool, fees))
    if (prices.length === 0 || !prices.every((price) => price !== undefined)) return undefined
    usd += Math.max(...prices)
    exact &&= makers.every((tool) => Object.hasOwn(fees, text(tool.type)))
  }
  return { usd, exact }
}
