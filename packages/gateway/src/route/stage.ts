import type { Call, Reply, Stage } from '../call.ts'
import type { Policy } from '../policy/policy.ts'
import { refuse } from '../refuse.ts'
import { createChooser } from './choose.ts'
import { failsOver } from './failover.ts'

/** Decides which model answers, and asks the other one when it cannot. */
export function route(routing: NonNullable<Policy['routing']>): Stage {
  const choose = createChooser(routing)
  const fallback = routing.fallback || undefined

  return (next) =>
    async function route(call) {
      const chosen = choose(call)
      const choice = chosen instanceof Promise ? await chosen : chosen
      if ('forbidden' in choice) return forbidden(call, choice.forbidden)
      const { model, route } = choice

      const canFailOver = fallback !== undefined && choice.routed && allowed(call, fallback)
      if (canFailOver && call.origin.failedOver)
        return await next({ ...call, model: fallback, route: 'failover' })

      const reply = await next({ ...call, model, route })
      if (!canFailOver || model === fallback || !(await failsOver(reply, call))) return reply
      call.origin.failedOver = true
      return await next({ ...call, model: fallback, route: 'failover' })
    }
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
