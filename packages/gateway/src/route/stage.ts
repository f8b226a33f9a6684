import { refuse } from '../body/refuse.ts'
import type { Call, Stage } from '../core/call.ts'
import type { Reply } from '../core/reply.ts'
import { failsOver, wasUnseen } from './failover.ts'

/** How many more connections are tried, where those that were open have been closed. */
const MORE_CONNECTIONS = 2

/** Decides which model answers, and asks the other one when it cannot. */
export const route: Stage = (next) =>
  async function route(call) {
    const { choose, fallback, resolveAlias: instead } = call.policy.routing
    const chosen = choose(call)
    const choice = chosen instanceof Promise ? await chosen : chosen
    if ('forbidden' in choice) return forbidden(call, choice.forbidden)
    const model = call.outbound.immutable ? choice.model : instead(choice.model)

    const canFailOver = fallback !== undefined && choice.routed && allowed(call, fallback)
    const other = { model: instead(fallback ?? ''), route: 'failover' } as const
    if (canFailOver && call.state.failedOver) return await next({ ...call, ...other })

    const first = { ...call, model, route: choice.route }
    let reply = await next(first)
    // Before a dearer model is asked. Each idle connection may have been closed.
    for (let more = MORE_CONNECTIONS; canFailOver && more > 0 && (await wasUnseen(reply, call)); more -= 1)
      reply = await next(first)
    if (!canFailOver || model === other.model || !(await failsOver(reply, call))) return reply
    call.state.failedOver = true
    return await next({ ...call, ...other })
  }

export const allowed = ({ caller }: Call, model: string) =>
  caller.models === undefined || caller.models.has(model)

function forbidden(call: Call, model: string): Reply {
  const models = [...(call.caller.models ?? [])].join(', ')
  const message =
    `Team ${call.caller.team} (agent ${call.caller.agent}) may not use the model ${JSON.stringify(model)}. ` +
    `It may use: ${models}. Add the model to the policy, or leave \`model\` out to have one chosen.`
  return refuse(
    { ...call, model, route: 'requested' },
    { code: 'gateway_model_not_allowed', message, param: 'model' },
  )
}
