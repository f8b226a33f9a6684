import { refuse } from '../body/refusal-response.ts'
import type { Call, Stage } from '../core/call.ts'
import type { Reply } from '../core/reply.ts'
import { failsOver, wasUnseen } from './failover.ts'

/** Number of further connections tried if idle ones turn out to be closed. */
const MORE_CONNECTIONS = 2

/** Chooses the model, and the fallback model when the first one fails. */
export const route: Stage = (next) =>
  async function route(call) {
    const { choose, fallback, resolveAlias } = call.policy.routing
    const chosen = choose(call)
    const choice = chosen instanceof Promise ? await chosen : chosen
    if ('forbidden' in choice) return refuseModel(call, choice.forbidden)
    const model = call.outbound.immutable ? choice.model : resolveAlias(choice.model)

    const canFailOver = fallback !== undefined && choice.routed && isAllowed(call, fallback)
    const other = { model: resolveAlias(fallback ?? ''), route: 'failover' } as const
    if (canFailOver && call.state.failedOver) return await next({ ...call, ...other })

    const first = { ...call, model, route: choice.route }
    let reply = await next(first)
    // Retries before a dearer model is asked. Each idle connection may have been closed.
    for (let more = MORE_CONNECTIONS; canFailOver && more > 0 && (await wasUnseen(reply, call)); more -= 1)
      reply = await next(first)
    if (!canFailOver || model === other.model || !(await failsOver(reply, call))) return reply
    call.state.failedOver = true
    return await next({ ...call, ...other })
  }

export const isAllowed = ({ caller }: Call, model: string) =>
  caller.models === undefined || caller.models.has(model)

function refuseModel(call: Call, model: string): Reply {
  const models = [...(call.caller.models ?? [])].join(', ')
  const message =
    `Team ${call.caller.team} (agent ${call.caller.agent}) may not use the model ${JSON.stringify(model)}. ` +
    `It may use: ${models}. Add the model to the policy, or leave \`model\` out to have one chosen.`
  return refuse(
    { ...call, model, route: 'requested' },
    { code: 'gateway_model_not_allowed', message, param: 'model' },
  )
}
