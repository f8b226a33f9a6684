import type { Json, JsonObject } from '../core/json.ts'
import { number, object } from '../core/json.ts'
import type { LangfuseObservation } from './ledger.ts'

export type Priced = Pick<LangfuseObservation, 'tokens' | 'usageDetails' | 'costUsd' | 'costDetails'>

/** Dollars per token, of the models this project uses; the servers know many more. */
type Prices = Record<string, number>

/** As 4.16.0 ships them. Nothing has a price for reasoning tokens. */
const PRICES: [RegExp, Prices][] = [
  [/^(openai\/)?gpt-4o(-2024-08-06|-2024-11-20)?$/i, gpt(2.5e-6, 1.25e-6, 1e-5)],
  [/^(openai\/)?gpt-4o-mini(-2024-07-18)?$/i, gpt(1.5e-7, 7.5e-8, 6e-7)],
  [/^text-embedding-3-large$/i, { total: 1.3e-7 }],
  [/^text-embedding-3-small$/i, { total: 2e-8 }],
]

function gpt(input: number, cached: number, output: number): Prices {
  return { input, input_cached_tokens: cached, input_cache_read: cached, output }
}

const pricesOf = (model: string | undefined) =>
  PRICES.find(([pattern]) => model !== undefined && pattern.test(model))?.[1]

/** Counts a text as the server would; it does so only where nobody told it. */
export type CountText = (text: Json | undefined) => number | undefined

type Observed = Pick<LangfuseObservation, 'model' | 'level' | 'input' | 'output'>

/**
 * 2.95.12: reads `usage` alone. A missing count is taken from the text, if the model is known; any cost that was given,
 * and be it 0, is all the cost there is.
 */
export function pricedByV2(usage: JsonObject, observed: Observed, count: CountText): Priced {
  const prices = pricesOf(observed.model)
  const told = (name: string, openai: string) => number(usage[name]) ?? number(usage[openai])
  const input = told('input', 'promptTokens') ?? (prices && count(observed.input))
  const output = told('output', 'completionTokens') ?? (prices && count(observed.output))
  const total =
    told('total', 'totalTokens') ??
    (input === undefined && output === undefined ? undefined : (input ?? 0) + (output ?? 0))
  const tokens = some({ input, output, total })
  const costs = some({
    input: number(usage.inputCost),
    output: number(usage.outputCost),
    total: number(usage.totalCost),
  })
  if (Object.keys(costs).length > 0) {
    const costUsd = costs.total ?? (costs.input ?? 0) + (costs.output ?? 0)
    return { tokens, usageDetails: {}, costDetails: { ...costs, total: costUsd }, costUsd }
  }
  return { tokens, usageDetails: {}, ...summed(prices, { ...tokens }) }
}

/**
 * 4.16.0: buckets are disjoint, each with its own price or none. Any cost that was given is all the cost there is, and
 * without a `total` among them only plain input and output are added up.
 */
export function pricedByV4(
  usage: JsonObject,
  costs: JsonObject,
  observed: Observed,
  count: CountText,
): Priced {
  const costDetails = numbers(costs)
  const hasCosts = Object.keys(costDetails).length > 0
  let usageDetails = numbers(bucketsOf(usage))
  const prices = pricesOf(observed.model)
  if (Object.keys(usageDetails).length === 0 && !hasCosts && prices && observed.level !== 'ERROR')
    usageDetails = numbers({ input: count(observed.input) ?? null, output: count(observed.output) ?? null })
  if (Object.keys(usageDetails).length > 0)
    usageDetails.total ??= Object.values(usageDetails).reduce((sum, tokens) => sum + tokens, 0)
  const tokens = tokensOf(usageDetails)
  if (!hasCosts) return { tokens, usageDetails, ...summed(prices, usageDetails) }
  const plain = Object.keys(costDetails).every((key) => key === 'input' || key === 'output')
  const costUsd =
    costDetails.total ?? (plain ? (costDetails.input ?? 0) + (costDetails.output ?? 0) : undefined)
  if (costUsd === undefined) return { tokens, usageDetails, costDetails }
  return { tokens, usageDetails, costDetails: { ...costDetails, total: costUsd }, costUsd }
}

/** OpenAI's own usage object, split into buckets; anything else is taken as it is. */
function bucketsOf(usage: JsonObject): JsonObject {
  const chat = 'prompt_tokens' in usage && 'completion_tokens' in usage
  const responses = 'input_tokens' in usage && 'output_tokens' in usage
  if (!chat && !responses) return usage
  const split: Record<string, number> = { total: number(usage.total_tokens) ?? 0 }
  const side = (name: 'input' | 'output', all: Json | undefined, details: Json | undefined) => {
    const parts = Object.entries(numbers(object(details)))
    for (const [part, tokens] of parts) split[`${name}_${part}`] = tokens
    split[name] = Math.max(
      parts.reduce((rest, [, tokens]) => rest - tokens, number(all) ?? 0),
      0,
    )
  }
  side(
    'input',
    usage.prompt_tokens ?? usage.input_tokens,
    usage.prompt_tokens_details ?? usage.input_tokens_details,
  )
  side(
    'output',
    usage.completion_tokens ?? usage.output_tokens,
    usage.completion_tokens_details ?? usage.output_tokens_details,
  )
  return split
}

function tokensOf(usage: Record<string, number>): Priced['tokens'] {
  const side = (name: string) => {
    const parts = Object.entries(usage).filter(([key]) => key.startsWith(name))
    return parts.length === 0 ? undefined : parts.reduce((sum, [, tokens]) => sum + tokens, 0)
  }
  return some({ input: side('input'), output: side('output'), total: usage.total })
}

/** What has no price costs nothing; a price for the total stands for all. */
function summed(
  prices: Prices | undefined,
  usage: Record<string, number>,
): Pick<Priced, 'costUsd' | 'costDetails'> {
  const costs: Record<string, number> = {}
  for (const [bucket, tokens] of Object.entries(usage)) {
    const price = prices?.[bucket]
    if (price !== undefined) costs[bucket] = rounded(tokens * price)
  }
  if (Object.keys(costs).length === 0) return { costDetails: {} }
  const costUsd = costs.total ?? rounded(Object.values(costs).reduce((sum, cost) => sum + cost, 0))
  return { costDetails: { ...costs, total: costUsd }, costUsd }
}

/** The servers reckon in decimals. */
const rounded = (dollars: number) => Number(dollars.toFixed(12))

const numbers = (record: JsonObject): Record<string, number> =>
  Object.fromEntries(
    Object.entries(record).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
  )

const some = <Part extends Record<string, number | undefined>>(part: Part) =>
  Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Part]?: number
  }
