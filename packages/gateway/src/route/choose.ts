import type { Call, Choice, Chooser } from '../core/call.ts'
import { isSet } from '../core/json.ts'
import type { Policy } from '../core/policy.ts'
import { OPERATIONS } from '../operations/operations.ts'
import { exceeds } from '../tokens/count.ts'

export function createChooser(routing: NonNullable<Policy['routing']>): Chooser {
  const { default: standard, embeddings, escalate } = routing

  return function choose(call: Call): Choice | Promise<Choice> {
    const { body, operation, outbound, caller } = call
    const asked = typeof body.model === 'string' ? body.model : undefined
    const mayUse = (model: string) => caller.models === undefined || caller.models.has(model)
    const requested = (model: string): Choice =>
      mayUse(model) ? { model, route: 'requested', routed: false } : { forbidden: model }

    if (outbound.immutable) return requested(call.model)
    // A value that is neither absent nor a text is left to upstream to reject.
    const open = body.model === undefined || body.model === null || asked === 'auto'
    const { routedBy } = OPERATIONS[operation]
    if (routedBy === 'embeddings')
      return open && embeddings !== undefined
        ? { model: embeddings, route: 'default', routed: false }
        : requested(asked ?? 'auto')
    // A prompt template brings its own model.
    const isRoutable = routedBy === 'default' && !isSet(body.prompt)
    if (!isRoutable || standard === undefined || !(open || asked === standard))
      return requested(asked ?? 'auto')
    if (!mayUse(standard)) return { forbidden: standard }

    const routed: Choice = {
      model: standard,
      route: 'default',
      routed: true,
    }
    if (!escalate || !mayUse(escalate.to)) return routed
    const escalated: Choice = { model: escalate.to, route: 'escalated', routed: true }
    const long = isLong(call, escalate.above)
    if (long instanceof Promise) return long.then((long) => (long ? escalated : routed))
    return long ? escalated : routed
  }
}

/** Checks the length once per parsed body. */
function isLong(
  { operation, body, outbound, parsed, policy }: Call,
  limit: number,
): boolean | Promise<boolean> {
  const known = parsed.length
  if (known?.limit === limit && known.operation === operation) return known.exceeds
  const remember = (exceeds: boolean) => {
    parsed.length = { operation, limit, exceeds }
    return exceeds
  }
  const long = exceeds(operation, body, outbound.text, limit, policy.warn)
  return long instanceof Promise ? long.then(remember) : remember(long)
}
