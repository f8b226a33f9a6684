import type { Call, Choice, Chooser } from '../core/call.ts'
import type { Policy } from '../core/policy.ts'
import { exceeds } from '../tokens/count.ts'

export function createChooser(routing: NonNullable<Policy['routing']>): Chooser {
  const { default: standard, embeddings, escalate } = routing

  return function choose(call: Call): Choice | Promise<Choice> {
    const { body, operation, outbound: outgoing, caller } = call
    const asked = typeof body.model === 'string' ? body.model : undefined
    const mayUse = (model: string) => caller.models === undefined || caller.models.has(model)
    const honoured = (model: string): Choice =>
      mayUse(model) ? { model, route: 'requested', routed: false } : { forbidden: model }

    if (outgoing.immutable) return honoured(call.model)
    // What is neither absent nor a text is upstream's to judge.
    const open = body.model === undefined || body.model === null || asked === 'auto'
    if (operation === 'embeddings')
      return open && embeddings !== undefined
        ? { model: embeddings, route: 'default', routed: false }
        : honoured(asked ?? 'auto')
    // A prompt template brings its own model, and a legacy completion knows none of ours.
    const ours = operation !== 'completions' && !(body.prompt !== undefined && body.prompt !== null)
    if (!ours || standard === undefined || !(open || asked === standard)) return honoured(asked ?? 'auto')
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

/** Counted once for each body that is remembered. */
function isLong(
  { operation, body, outbound: outgoing, parsed: reading, policy: rules }: Call,
  limit: number,
): boolean | Promise<boolean> {
  const known = reading.length
  if (known?.limit === limit && known.operation === operation) return known.exceeds
  const remember = (exceeds: boolean) => {
    reading.length = { operation, limit, exceeds }
    return exceeds
  }
  const long = exceeds(operation, body, outgoing.text, limit, rules.warn)
  return long instanceof Promise ? long.then(remember) : remember(long)
}
