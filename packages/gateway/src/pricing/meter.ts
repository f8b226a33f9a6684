import type { Call } from '../core/call.ts'
import { isSet } from '../core/json.ts'
import type { ObservedAnswer } from '../core/recording.ts'
import { type MeteredUsage, NO_USAGE } from '../core/usage.ts'
import { countInput, countTexts, inputSize } from '../tokens/count.ts'
import { maxOutputTokens } from '../tokens/max-output.ts'
import { errorText } from '../util/error-text.ts'

/**
 * Upstream's own count where it came, otherwise ours: the tokens of the question and of what was written.
 * Loads the tokeniser only when it has to count.
 */
export function meter(call: Call, seen: ObservedAnswer): MeteredUsage | Promise<MeteredUsage> {
  if (seen.usage === undefined) return estimate(call, seen)
  const usage = searches(call) ? { ...seen.usage, hostedCalls: 1 } : seen.usage
  const metered: MeteredUsage = { usage, estimated: false, tier: seen.tier ?? askedTier(call) }
  if (seen.whole) metered.bill = 'told'
  if (seen.tier === undefined && metered.tier !== undefined) metered.tierUntold = true
  return metered
}

/** Chat's search models are billed by the search, and their answers do not tell how often they did. */
export const searches = ({ operation, body, model }: Call): boolean =>
  operation === 'chat' && (isSet(body.web_search_options) || /-search-/.test(model))

async function estimate(call: Call, seen: ObservedAnswer): Promise<MeteredUsage> {
  const { operation, body, outbound: outgoing } = call
  const count = (input: number, written: number) => ({
    ...NO_USAGE.usage,
    input,
    // Vectors are not written: they cost nothing beyond the question.
    output: operation === 'embeddings' ? 0 : written + uncounted(call, seen.unkept, written),
  })
  const tier = askedTier(call)
  try {
    const [input, written] = await Promise.all([countInput(operation, body), countTexts(seen.produced)])
    return { usage: count(input, written), estimated: true, tier }
  } catch (error) {
    call.policy.warn(`answers that were broken off have no price: the tokeniser failed: ${errorText(error)}`)
    // No token is shorter than a byte.
    const { bound } = inputSize(operation, body, outgoing.text)
    return { usage: count(bound, bytesIn(seen.produced)), estimated: true, unknown: true, tier }
  }
}

/** No token is shorter than a byte, and no answer longer than its model can make it. */
const uncounted = (call: Call, bytes: number, written: number) =>
  bytes === 0 ? 0 : Math.min(bytes, Math.max(0, maxOutputTokens(call) - written))

const bytesIn = (texts: readonly string[]) => texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)

export const askedTier = ({ body }: Call): string | undefined =>
  typeof body.service_tier === 'string' ? body.service_tier : undefined
