import type { Call } from '../core/call.ts'
import { isSet, type Json, type JsonObject, list, object, text } from '../core/json.ts'
import { OPERATIONS } from '../operations/operations.ts'
import { feeOf } from '../pricing/fees.ts'
import { searches } from '../pricing/meter.ts'
import { isCallerTool } from '../tokens/images.ts'

/**
 * Upper bounds of the tools that upstream runs. `passes`: how often the model may read its whole context window, since the
 * result of each tool call is fed back to it. `calls`: number of tool calls, each of at most `feeUsd` dollars.
 * `maxToolCalls`: value to send as `max_tool_calls`; absent if the request's own value stays.
 */
export type HostedToolBounds = { passes: number; calls: number; feeUsd: number; maxToolCalls?: number }

/** Reason why the cost of a call has no upper bound: the field that causes it, and how to bound it. */
export type UnboundedCost = { param: string; why: string; fix: string }

const NONE: HostedToolBounds = { passes: 1, calls: 0, feeUsd: 0 }
/** Value of `max_tool_calls` if neither the call nor the policy sets it: no other field bounds such a call. */
const USUAL_MOST = 4
/** Types of tools that the caller runs; upstream only gets their descriptions. */
const RUN_BY_CALLER = new Set([
  'local_shell',
  'apply_patch',
  'computer',
  'computer_use',
  'computer_use_preview',
])

/** Returns the upper bounds of the tools that upstream runs for a call, or the reason why there are none. */
export function hostedToolBounds(call: Call): HostedToolBounds | UnboundedCost {
  const { operation, body, policy } = call
  const { hostedTools: kind } = OPERATIONS[operation]
  if (kind === 'none') return NONE
  const { fees, maxToolCalls: most } = policy.policy.hostedTools ?? {}
  const tools = hostedToolsIn(body)
  if (searches(call) && tools.length === 0)
    return { passes: 1, calls: 1, feeUsd: feeOf({ type: 'chat_search' }, fees) ?? 0 }
  const stored = kind === 'counted' && isSet(body.prompt)
  if ((tools.length === 0 && !stored) || body.tool_choice === 'none') return NONE

  const prices = tools.map((tool) => feeOf(tool, fees))
  const unpriced = tools[prices.indexOf(undefined)]
  if (unpriced !== undefined) {
    const type = JSON.stringify(text(unpriced.type))
    return {
      param: 'tools',
      why: `upstream bills the tool ${type} by itself`,
      fix: `Give its price for one call in the policy, hostedTools.fees[${type}]`,
    }
  }
  if (kind === 'uncounted')
    return {
      param: 'tools',
      why: 'nothing limits how often upstream runs tools for a chat completion',
      fix: 'Use Responses',
    }
  const own = bound(body.max_tool_calls)
  const calls = Math.min(own ?? most ?? USUAL_MOST, most ?? Number.POSITIVE_INFINITY)
  if (calls !== own && call.outbound.signed)
    return {
      param: 'max_tool_calls',
      why: 'upstream may call tools as often as it likes, and a signed request cannot be told not to',
      fix: 'Set max_tool_calls',
    }
  const feeUsd = stored ? Math.max(STORED_FEE, ...known(prices)) : Math.max(0, ...known(prices))
  return { passes: calls + 1, calls, feeUsd, ...(calls !== own ? { maxToolCalls: calls } : {}) }
}

/** Dollars for a tool call of a stored prompt, whose tools are unknown: a session of the largest container, the dearest tool. */
const STORED_FEE = 1.92

const known = (prices: (number | undefined)[]) => prices.filter((price) => price !== undefined)

const bound = (value: Json | undefined): number | undefined =>
  Number.isSafeInteger(value) && (value as number) > 0 ? (value as number) : undefined

/** Returns the tools that upstream runs, including those that input items add. */
export function hostedToolsIn({ tools, input }: JsonObject): JsonObject[] {
  const added = list(input).flatMap((item) => list(object(item).tools))
  const all = added.length === 0 ? list(tools) : [...list(tools), ...added]
  return all.filter((tool) => !isCallerTool(tool) && !isRunByCaller(object(tool))).map(object)
}

function isRunByCaller({ type, environment, execution }: JsonObject): boolean {
  if (type === 'shell') return object(environment).type === 'local'
  if (type === 'tool_search') return execution === 'client'
  return RUN_BY_CALLER.has(text(type))
}
