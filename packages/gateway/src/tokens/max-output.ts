import type { Call } from '../core/call.ts'
import { isSet, type Json } from '../core/json.ts'

/** The fields that limit the output of an operation. Others of that kind are ignored by upstream. */
const LIMITS = {
  chat: ['max_completion_tokens', 'max_tokens'],
  responses: ['max_output_tokens'],
  completions: ['max_tokens'],
  embeddings: [],
} as const

/** What a legacy completion writes that sets no limit. Source: OpenAI API reference, `max_tokens` of completions. */
const USUAL_COMPLETION = 16

/**
 * The most output tokens this call can bring: what it allows, or what the model can. Of several limits the largest
 * counts, since upstream may heed any of them; one that is no positive integer may be ignored and is none at all.
 * `passes`: how often the model may be asked for the one answer, where nothing else limits it.
 */
export function maxOutputTokens(
  { operation, body, model, policy: rules, outbound: outgoing }: Call,
  passes = 1,
): number {
  if (operation === 'embeddings') return 0
  const most = rules.prices.maxOutput(model)
  const asked = LIMITS[operation].map((name) => body[name]).filter(isSet)
  const limits = asked.length === 0 && operation === 'completions' ? [USUAL_COMPLETION] : asked
  const limit = limits.length > 0 && limits.every(isLimit) ? Math.max(...limits) : undefined
  const one = Math.min(limit ?? Number.POSITIVE_INFINITY, most * passes)
  if (operation === 'responses') return one
  const choices = Math.max(times(body.n), times(body.best_of))
  if (operation === 'completions') return one * choices * prompts(body.prompt)
  // Predicted tokens that are rejected are billed as output besides what is written; the prediction is in the body.
  return (one + (isSet(body.prediction) ? Buffer.byteLength(outgoing.text) : 0)) * choices
}

const isLimit = (value: Json): value is number => Number.isSafeInteger(value) && (value as number) > 0

/** Upstream may read "3" as 3. */
function times(value: Json | undefined): number {
  const count = typeof value === 'number' || typeof value === 'string' ? Math.ceil(Number(value)) : 1
  return count >= 1 ? count : 1
}

const prompts = (prompt: Json | undefined) =>
  Array.isArray(prompt) && typeof prompt[0] !== 'number' ? Math.max(1, prompt.length) : 1
