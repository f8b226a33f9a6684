import type { Call } from '../core/call.ts'
import { isSet, type Json } from '../core/json.ts'
import { OPERATIONS } from '../operations/operations.ts'
import { promptCount } from '../operations/prompt-count.ts'

/**
 * Returns the most output tokens this call can produce: its own limit, else the model's. Of several limits the
 * largest counts, since upstream may use any of them; a value that is no positive integer may be ignored, so it is no
 * limit.
 * @param passes Number of times the model may run for one answer, where nothing else limits it.
 */
export function maxOutputTokens({ operation, body, model, policy, outbound }: Call, passes = 1): number {
  const { input, output, requested } = OPERATIONS[operation]
  if (output === 'vectors') return 0
  const most = policy.prices.maxOutput(model)
  const asked = requested.outputLimits.map((name) => body[name]).filter(isSet)
  const own = asked.every(isLimit) ? Math.max(...asked) : undefined
  const limit = asked.length === 0 ? requested.defaultOutputLimit : own
  const one = Math.min(limit ?? Number.POSITIVE_INFINITY, most * passes)
  let answers = 1
  for (const name of requested.answerCounts) answers = Math.max(answers, times(body[name]))
  if (input.kind === 'prompts') return one * answers * Math.max(1, promptCount(body[input.member]))
  // Rejected predicted tokens are billed as output, besides what is written; the prediction is in the body.
  const predicted = output === 'message' && isSet(body.prediction) ? Buffer.byteLength(outbound.text) : 0
  return (one + predicted) * answers
}

const isLimit = (value: Json): value is number => Number.isSafeInteger(value) && (value as number) > 0

/** Upstream may read "3" as 3. */
function times(value: Json | undefined): number {
  const count = typeof value === 'number' || typeof value === 'string' ? Math.ceil(Number(value)) : 1
  return count >= 1 ? count : 1
}
