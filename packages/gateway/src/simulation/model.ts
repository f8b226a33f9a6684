import type { Caller } from '../core/caller.ts'
import type { Route } from '../core/operation.ts'
import type { Policy } from '../core/policy.ts'
import { OPERATIONS } from '../operations/operations.ts'
import type { PastCall } from './past-call.ts'

/** Returns the model that answers a call, by the rules of the routing stage. `isForbidden`: its team may not use it. */
export function modelFor(
  { modelAsked, operation, usage, wasEscalated = false }: PastCall,
  caller: Caller,
  { routing = {} }: Policy,
): { model: string; route: Route; isForbidden: boolean } {
  const { default: standard, embeddings, escalate, aliases = {} } = routing
  const mayUse = (model: string) => caller.models === undefined || caller.models.has(model)
  const chosen = (model: string, route: Route) => ({
    model: Object.hasOwn(aliases, model) ? (aliases[model] ?? model) : model,
    route,
    isForbidden: !mayUse(model),
  })
  const isOpen = modelAsked === undefined || modelAsked === 'auto'
  const { routedBy } = OPERATIONS[operation]
  if (routedBy === 'embeddings')
    return isOpen && embeddings !== undefined
      ? { ...chosen(embeddings, 'default'), isForbidden: false }
      : chosen(modelAsked ?? 'auto', 'requested')
  if (routedBy === undefined || standard === undefined || !(isOpen || modelAsked === standard))
    return chosen(modelAsked ?? 'auto', 'requested')
  const isLong = (above: number) => (usage === undefined ? wasEscalated : usage.input > above)
  return escalate && isLong(escalate.above) && mayUse(standard) && mayUse(escalate.to)
    ? chosen(escalate.to, 'escalated')
    : chosen(standard, 'default')
}
