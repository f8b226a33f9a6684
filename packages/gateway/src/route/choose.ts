import type { Call, Choice, Chooser } from '../core/call.ts'
import { isSet } from '../core/json.ts'
import type { Policy } from '../core/policy.ts'
import { exceeds } from '../tokens/count.ts'
import { choiceFor } from './rules.ts'

export function createChooser(routing: NonNullable<Policy['routing']>): Chooser {
  return function choose(call: Call): Choice | Promise<Choice> {
    const { body, operation, outbound, caller } = call
    const mayUse = (model: string) => caller.models === undefined || caller.models.has(model)
    if (outbound.immutable)
      return mayUse(call.model)
        ? { model: call.model, route: 'requested', routed: false }
        : { forbidden: call.model }
    const model = typeof body.model === 'string' ? body.model : undefined
    // A value that is neither absent nor a text is left to upstream to reject.
    const isOpen = body.model === undefined || body.model === null || model === 'auto'
    const choice = choiceFor({ operation, model, isOpen, hasTemplate: isSet(body.prompt) }, mayUse, routing)
    if (!('above' in choice)) return choice
    const { above, standard, escalated } = choice
    const long = isLong(call, above)
    if (long instanceof Promise) return long.then((long) => (long ? escalated : standard))
    return long ? escalated : standard
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
