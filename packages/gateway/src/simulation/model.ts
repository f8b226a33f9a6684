import { ownValue } from '../config/own-value.ts'
import type { Caller } from '../core/caller.ts'
import type { Route } from '../core/operation.ts'
import type { Policy } from '../core/policy.ts'
import { choiceFor } from '../route/rules.ts'
import type { PastCall } from './past-call.ts'

/** Returns the model that answers a call; `isForbidden`: its team may not use it. */
export function modelFor(
  { modelAsked: asked, operation, usage, wasEscalated = false }: PastCall,
  { models }: Caller,
  { routing = {} }: Policy,
): { model: string; route: Route; isForbidden: boolean } {
  const isOpen = asked === undefined || asked === 'auto'
  const mayUse = (model: string) => models === undefined || models.has(model)
  const rule = choiceFor({ operation, model: asked, isOpen }, mayUse, routing)
  const isLong = (above: number) => (usage === undefined ? wasEscalated : usage.input > above)
  const choice = 'above' in rule ? (isLong(rule.above) ? rule.escalated : rule.standard) : rule
  if ('forbidden' in choice) return { model: choice.forbidden, route: 'requested', isForbidden: true }
  const { model, route } = choice
  return { model: ownValue(routing.aliases, model) ?? model, route, isForbidden: false }
}
