import type { Call } from '../core/call.ts'
import { isObject, isSet, list, object, text } from '../core/json.ts'
import { type NanoUsd, nanoUsd } from '../core/money.ts'
import { OPERATIONS } from '../operations/operations.ts'
import { inputSize } from '../tokens/count.ts'
import { audioTokens } from '../tokens/input.ts'
import { maxOutputTokens } from '../tokens/max-output.ts'
import { type HostedToolBounds, hostedToolBounds, type UnboundedCost } from './hosted-tools.ts'
import type { Tiers } from './tiers.ts'

/** Upper bounds of a call. `cost`: billionths of a dollar; `undefined` if a price that may be billed is unknown. */
export type WorstCase = {
  inputTokens: number
  /** Estimate of the input tokens, without counting them. */
  likelyInput: number
  outputTokens: number
  cost: NanoUsd | undefined | Promise<NanoUsd | undefined>
  /** Value to send as `max_tool_calls`, so that the bound holds. Absent if the request's own value stays. */
  maxToolCalls?: number
  /** Set if the cost has no upper bound. */
  unbounded?: UnboundedCost
}

/**
 * Returns the worst case of a call: every token that it may use, at the dearest rate and tier at which it may be billed, and
 * every tool call that upstream may run. Only bounds are used, no estimates.
 */
export function worstCaseOf(call: Call, { asked, assumed }: Tiers): WorstCase {
  const { operation, body, model, outbound } = call
  const { prices, policy } = call.policy
  const { worstUsd } = policy.hostedTools ?? {}
  const hosted = hostedToolBounds(call)
  const unbounded = 'why' in hosted ? hosted : undefined
  const { passes: read, calls, feeUsd, maxToolCalls } = 'why' in hosted ? UNBOUNDED : hosted
  const window = prices.window(model)
  const size = inputSize(operation, body, outbound.text, window)
  // Server-side compaction reads and writes the context once more.
  const passes = read + (list(body.context_management).length > 0 ? 1 : 0)
  const searched = model.includes('-search-') ? window : 0
  const inputTokens = size.bound + searched + (passes - 1) * window
  const outputTokens = maxOutputTokens(call, passes)
  const worst: WorstCase = { inputTokens, likelyInput: size.estimate, outputTokens, cost: undefined }
  if (maxToolCalls !== undefined) worst.maxToolCalls = maxToolCalls
  if (calls > 0 && worstUsd !== undefined) {
    worst.cost = nanoUsd(worstUsd)
    return worst
  }
  if (unbounded !== undefined) {
    worst.unbounded = unbounded
    return worst
  }

  const audio = audioIn(call, window)
  const tokens = {
    input: inputTokens,
    audioInput: Math.min(audio.input, inputTokens),
    output: outputTokens,
    audioOutput: audio.output ? outputTokens : 0,
  }
  const cost = prices.worst(model, tokens, asked, assumed)
  const fees = calls === 0 ? 0 : nanoUsd(calls * feeUsd)
  const raised = regionalFactor(outbound.url, model)
  const all = (cost: NanoUsd | undefined) =>
    cost === undefined ? undefined : ((Math.ceil(cost * raised) + fees) as NanoUsd)
  const isAll = fees === 0 && raised === 1
  worst.cost = isAll ? cost : cost instanceof Promise ? cost.then(all) : all(cost)
  return worst
}

const UNBOUNDED: HostedToolBounds = { passes: 1, calls: 1, feeUsd: 0 }

/** Returns the most input tokens that may be audio, and whether the output may be audio. */
export function audioIn(
  { operation, body, model }: Call,
  window: number,
): { input: number; output: boolean } {
  if (OPERATIONS[operation].input.kind !== 'turns') return { input: 0, output: false }
  let input = 0
  for (const item of [...list(body.messages), ...list(body.input)]) {
    const { audio, content } = object(item)
    // An earlier audio answer, referenced by its id.
    if (isSet(audio)) input += window
    for (const part of list(content)) {
      const { input_audio } = object(part)
      if (isObject(input_audio)) input += audioTokens(text(input_audio.data))
    }
  }
  const speaks = /audio|realtime/.test(model)
  if (speaks && [body.previous_response_id, body.conversation, body.prompt].some(isSet)) input += window
  return { input, output: speaks || isSet(body.audio) || list(body.modalities).includes('audio') }
}

/**
 * Returns the factor by which a regional host raises the price of newer models. Source: OpenAI, "Pricing", regional processing:
 * 10 % more for gpt-5.4 and later.
 */
export function regionalFactor(url: string, model: string): number {
  return UPLIFTED.test(model) && REGIONAL.test(url) ? 1.1 : 1
}

const REGIONAL = /^https:\/\/(?!api\.)[a-z0-9-]+\.api\.openai\.com\//
const UPLIFTED = /^gpt-(5\.[4-9]|[6-9])/
