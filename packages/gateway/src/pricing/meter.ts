import type { Call } from '../core/call.ts'
import { isSet } from '../core/json.ts'
import type { ObservedAnswer } from '../core/recording.ts'
import { type MeteredUsage, NO_USAGE } from '../core/usage.ts'
import { countInput, countTexts, inputSize } from '../tokens/count.ts'
import { maxOutputTokens } from '../tokens/max-output.ts'
import { errorText } from '../util/error-text.ts'

/**
 * Returns upstream's token count, or, if it never came, an estimate from question and answer. Loads the tokeniser
 * only to estimate.
 */
export function meter(call: Call, seen: ObservedAnswer): MeteredUsage | Promise<MeteredUsage> {
  if (seen.usage === undefined) return estimate(call, seen)
  const usage = searches(call) ? { ...seen.usage, hostedCalls: 1 } : seen.usage
  const metered: MeteredUsage = { usage, estimated: false, tier: seen.tier ?? askedTier(call) }
  if (seen.whole) metered.bill = 'told'
  if (seen.tier === undefined && metered.tier !== undefined) metered.tierUntold = true
  return metered
}

/** Whether the call is billed per search: answers of Chat's search models do not tell how many searches they made. */
export const searches = ({ operation, body, model }: Call): boolean =>
  operation === 'chat' && (isSet(body.web_search_options) || /-search-/.test(model))

async function estimate(call: Call, seen: ObservedAnswer): Promise<MeteredUsage> {
  const { operation, body, outbound: outgoing } = call
  const count = (input: number, written: number) => ({
    ...NO_USAGE.usage,
    input,
    // Embeddings produce no output tokens.
    output: operation === 'embeddings' ? 0 : written + uncounted(call, seen.unkept, written),
  })
  const tier = askedTier(call)
  try {
    const [input, written] = await Promise.all([countInput(operation, body), countTexts(seen.produced)])
    return { usage: count(input, written), estimated: true, tier }
  } catch (error) {
    call.policy.warn(`answers that were broken off have no price: the tokeniser failed: ${errorText(error)}`)
    // A token has at least one byte.
    const { bound } = inputSize(operation, body, outgoing.text)
    return { usage: count(bound, bytesIn(seen.produced)), estimated: true, unknown: true, tier }
  }
}

/** A token has at least one byte, and an answer at most its model's maximum of tokens. */
const uncounted = (call: Call, bytes: number, written: number) =>
  bytes === 0 ? 0 : Math.min(bytes, Math.max(0, maxOutputTokens(call) - written))

const bytesIn = (texts: readonly string[]) => texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)

export const askedTier = ({ body }: Call): string | undefined =>
  typeof body.service_tier === 'string' ? body.service_tier : undefined
