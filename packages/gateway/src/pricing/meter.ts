import type { Call } from '../core/call.ts'
import { isSet } from '../core/json.ts'
import type { ObservedAnswer } from '../core/recording.ts'
import { type MeteredUsage, NO_USAGE } from '../core/usage.ts'
import { OPERATIONS } from '../operations/operations.ts'
import { countInput, countTexts, inputSize } from '../tokens/count.ts'
import { maxOutputTokens } from '../tokens/max-output.ts'
import { errorText } from '../util/error-text.ts'

/**
 * Returns upstream's token count, or, if it never came, an estimate from question and answer. Loads the tokeniser
 * only to estimate.
 */
export function meter(call: Call, observed: ObservedAnswer): MeteredUsage | Promise<MeteredUsage> {
  if (observed.usage === undefined) return estimate(call, observed)
  const usage = searches(call) ? { ...observed.usage, hostedCalls: 1 } : observed.usage
  const metered: MeteredUsage = { usage, estimated: false, tier: observed.tier ?? askedTier(call) }
  if (observed.whole) metered.bill = 'told'
  if (observed.tier === undefined && metered.tier !== undefined) metered.tierUnreported = true
  return metered
}

/** Whether the call is billed per search: answers of Chat's search models do not tell how many searches they made. */
export const searches = ({ operation, body, model }: Call): boolean =>
  OPERATIONS[operation].hostedTools === 'uncounted' &&
  (isSet(body.web_search_options) || /-search-/.test(model))

async function estimate(call: Call, observed: ObservedAnswer): Promise<MeteredUsage> {
  const { operation, body, outbound } = call
  const count = (input: number, written: number) => ({
    ...NO_USAGE.usage,
    input,
    output:
      OPERATIONS[operation].output === 'vectors'
        ? 0
        : written + tokensOfUnkept(call, observed.unkept, written),
  })
  const tier = askedTier(call)
  try {
    const [input, written] = await Promise.all([countInput(operation, body), countTexts(observed.produced)])
    return { usage: count(input, written), estimated: true, tier }
  } catch (error) {
    call.policy.warn(
      'GW_TOKENIZER_FAILED',
      `the tokeniser failed, so interrupted answers have no price: ${errorText(error)}`,
    )
    // A token has at least one byte.
    const { bound } = inputSize(operation, body, outbound.text)
    return { usage: count(bound, bytesIn(observed.produced)), estimated: true, unknown: true, tier }
  }
}

/** A token has at least one byte, and an answer at most its model's maximum of tokens. */
const tokensOfUnkept = (call: Call, bytes: number, written: number) =>
  bytes === 0 ? 0 : Math.min(bytes, Math.max(0, maxOutputTokens(call) - written))

const bytesIn = (texts: readonly string[]) => texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)

export const askedTier = ({ body }: Call): string | undefined =>
  typeof body.service_tier === 'string' ? body.service_tier : undefined
