import type { Call } from '../core/call.ts'
import { isSet, type Json } from '../core/json.ts'

/** The fields that limit the output of an operation. Upstream ignores other fields of this kind. */
const LIMITS = {
  chat: ['max_completion_tokens', 'max_tokens'],
  responses: ['max_output_tokens'],
  completions: ['max_tokens'],
  embeddings: [],
} as const

/** Default limit of a legacy completion. Source: OpenAI API reference, `max_tokens` of completions. */
const DEFAULT_COMPLETION_TOKENS = 16

/**
 * Returns the most output tokens this call can produce: its own limit, else the model's. Of several limits the
 * largest counts, since upstream may use any of them; a value that is no positive integer may be ignored, so it is no
 * limit.
 * @param passes Number of times the model may run for one answer, where nothing else limits it.
 */
export function maxOutputTokens({ operation, body, model, policy, outbound }: Call, passes = 1): number {
  if (operation === 'embeddings') return 0
  const most = policy.prices.maxOutput(model)
  const asked = LIMITS[operation].map((name) => body[name]).filter(isSet)
  const limits = asked.length === 0 && operation === 'completions' ? [DEFAULT_COMPLETION_TOKENS] : asked
  const limit = limits.length > 0 && limits.every(isLimit) ? Math.max(...limits) : undefined
  const one = Math.min(limit ?? Number.POSITIVE_INFINITY, most * passes)
  if (operation === 'responses') return one
  const choices = Math.max(times(body.n), times(body.best_of))
  if (operation === 'completions') return one * choices * prompts(body.prompt)
  // Rejected predicted tokens are billed as output, besides what is written; the prediction is in the body.
  return (one + (isSet(body.prediction) ? Buffer.byteLength(outbound.text) : 0)) * choices
}

const isLimit = (value: Json): value is number => Number.isSafeInteger(value) && (value as number) > 0

/** Upstream may read "3" as 3. */
function times(value: Json | undefined): number {
  const count = typeof value === 'number' || typeof value === 'string' ? Math.ceil(Number(value)) : 1
  return count >= 1 ? count : 1
}

const prompts = (prompt: Json | undefined) =>
  Array.isArray(prompt) && typeof prompt[0] !== 'number' ? Math.max(1, prompt.length) : 1
