import { type Json, type JsonObject, number, object } from '../core/json.ts'
import { definedOnly, type LangfuseObservation } from './trace-store.ts'

export type Pricing = Pick<LangfuseObservation, 'tokens' | 'usageDetails' | 'costUsd' | 'costDetails'>

/** US dollars per token by usage bucket. */
type Prices = Record<string, number>

/** Prices of some models as 4.16.0 ships them. Reasoning tokens have no price of their own. */
const PRICES: [RegExp, Prices][] = [
  [/^(openai\/)?gpt-4o(-2024-08-06|-2024-11-20)?$/i, chatPrices(2.5e-6, 1.25e-6, 1e-5)],
  [/^(openai\/)?gpt-4o-mini(-2024-07-18)?$/i, chatPrices(1.5e-7, 7.5e-8, 6e-7)],
  [/^text-embedding-3-large$/i, { total: 1.3e-7 }],
  [/^text-embedding-3-small$/i, { total: 2e-8 }],
]

function chatPrices(input: number, cached: number, output: number): Prices {
  return { input, input_cached_tokens: cached, input_cache_read: cached, output }
}

const pricesOf = (model: string | undefined) =>
  PRICES.find(([pattern]) => model !== undefined && pattern.test(model))?.[1]

/** Counts the tokens of a text. The servers do so only where the client sends no usage. */
export type CountText = (text: Json | undefined) => number | undefined

type Observed = Pick<LangfuseObservation, 'model' | 'level' | 'input' | 'output'>

/**
 * Prices an observation as 2.95.12 does. It reads `usage` only. A missing count is taken from the text where the model is
 * known. If the client sends any cost, even 0, it is the whole cost.
 */
export function priceV2(usage: JsonObject, observed: Observed, count: CountText): Pricing {
  const prices = pricesOf(observed.model)
  const given = (name: string, openai: string) => number(usage[name]) ?? number(usage[openai])
  const input = given('input', 'promptTokens') ?? (prices && count(observed.input))
  const output = given('output', 'completionTokens') ?? (prices && count(observed.output))
  const total =
    given('total', 'totalTokens') ??
    (input === undefined && output === undefined ? undefined : (input ?? 0) + (output ?? 0))
  const tokens = definedOnly({ input, output, total })
  const costs = definedOnly({
    input: number(usage.inputCost),
    output: number(usage.outputCost),
    total: number(usage.totalCost),
  })
  if (Object.keys(costs).length > 0) {
    const costUsd = costs.total ?? (costs.input ?? 0) + (costs.output ?? 0)
    return { tokens, usageDetails: {}, costDetails: { ...costs, total: costUsd }, costUsd }
  }
  return { tokens, usageDetails: {}, ...sumCosts(prices, { ...tokens }) }
}

/**
 * Prices an observation as 4.16.0 does. Usage buckets are disjoint, each with its own price or none. If the client sends
 * any cost, it is the whole cost; without a `total`, only `input` and `output` are summed.
 */
export function priceV4(usage: JsonObject, costs: JsonObject, observed: Observed, count: CountText): Pricing {
  const costDetails = numbers(costs)
  const hasCosts = Object.keys(costDetails).length > 0
  let usageDetails = numbers(bucketsOf(usage))
  const prices = pricesOf(observed.model)
  if (Object.keys(usageDetails).length === 0 && !hasCosts && prices && observed.level !== 'ERROR')
    usageDetails = numbers({ input: count(observed.input) ?? null, output: count(observed.output) ?? null })
  if (Object.keys(usageDetails).length > 0)
    usageDetails.total ??= Object.values(usageDetails).reduce((sum, tokens) => sum + tokens, 0)
  const tokens = tokensOf(usageDetails)
  if (!hasCosts) return { tokens, usageDetails, ...sumCosts(prices, usageDetails) }
  const plain = Object.keys(costDetails).every((key) => key === 'input' || key === 'output')
  const costUsd =
    costDetails.total ?? (plain ? (costDetails.input ?? 0) + (costDetails.output ?? 0) : undefined)
  if (costUsd === undefined) return { tokens, usageDetails, costDetails }
  return { tokens, usageDetails, costDetails: { ...costDetails, total: costUsd }, costUsd }
}

/** Splits OpenAI's usage object into disjoint buckets; returns any other object as it is. */
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

function tokensOf(usage: Record<string, number>): Pricing['tokens'] {
  const side = (name: string) => {
    const parts = Object.entries(usage).filter(([key]) => key.startsWith(name))
    return parts.length === 0 ? undefined : parts.reduce((sum, [, tokens]) => sum + tokens, 0)
  }
  return definedOnly({ input: side('input'), output: side('output'), total: usage.total })
}

/** Sums the cost of all buckets that have a price. A price of `total` replaces the sum. */
function sumCosts(
  prices: Prices | undefined,
  usage: Record<string, number>,
): Pick<Pricing, 'costUsd' | 'costDetails'> {
  const costs: Record<string, number> = {}
  for (const [bucket, tokens] of Object.entries(usage)) {
    const price = prices?.[bucket]
    if (price !== undefined) costs[bucket] = roundUsd(tokens * price)
  }
  if (Object.keys(costs).length === 0) return { costDetails: {} }
  const costUsd = costs.total ?? roundUsd(Object.values(costs).reduce((sum, cost) => sum + cost, 0))
  return { costDetails: { ...costs, total: costUsd }, costUsd }
}

/** Rounds to 12 decimals: the servers use decimal arithmetic. */
const roundUsd = (dollars: number) => Number(dollars.toFixed(12))

const numbers = (record: JsonObject): Record<string, number> =>
  Object.fromEntries(
    Object.entries(record).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
  )
