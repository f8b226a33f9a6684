import type { Choice } from '../core/call.ts'
import type { Operation } from '../core/operation.ts'
import type { Policy } from '../core/policy.ts'
import { OPERATIONS } from '../operations/operations.ts'

/** What a request says about its model. */
export type Asked = {
  operation: Operation
  /** The model that it names, as a text. */
  model: string | undefined
  /** Whether it leaves the model to the policy. */
  isOpen: boolean
  /** Whether a prompt template brings a model of its own. @default false */
  hasTemplate?: boolean
}

/** The model for an input of up to `above` tokens, and the one for a longer input. */
type ByLength = { above: number; standard: Choice; escalated: Choice }

/** Returns the model that answers; where the policy escalates, it depends on the length of the input. */
export function choiceFor(
  { operation, model: asked, isOpen, hasTemplate = false }: Asked,
  mayUse: (model: string) => boolean,
  { default: standard, embeddings, escalate }: NonNullable<Policy['routing']>,
): Choice | ByLength {
  const requested = (model: string): Choice =>
    mayUse(model) ? { model, route: 'requested', routed: false } : { forbidden: model }

  const { routedBy } = OPERATIONS[operation]
  if (routedBy === 'embeddings')
    return isOpen && embeddings !== undefined
      ? { model: embeddings, route: 'default', routed: false }
      : requested(asked ?? 'auto')
  const isRoutable = routedBy === 'default' && !hasTemplate
  if (!isRoutable || standard === undefined || !(isOpen || asked === standard))
    return requested(asked ?? 'auto')
  if (!mayUse(standard)) return { forbidden: standard }

  const routed: Choice = { model: standard, route: 'default', routed: true }
  if (!escalate || !mayUse(escalate.to)) return routed
  const escalated: Choice = { model: escalate.to, route: 'escalated', routed: true }
  return { above: escalate.above, standard: routed, escalated }
}
