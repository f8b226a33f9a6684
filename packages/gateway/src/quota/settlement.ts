import type { Call } from '../core/call.ts'
import { type NanoUsd, nanoUsd } from '../core/money.ts'
import type { Ending } from '../core/recording.ts'
import type { Reply } from '../core/reply.ts'
import { totalTokens } from '../core/usage.ts'
import { OPERATIONS } from '../operations/operations.ts'
import { feesShown } from '../pricing/fees.ts'
import { searches } from '../pricing/meter.ts'
import { hostedToolsIn } from './hosted-tools.ts'
import { type Reservation, type Settlement, unused } from './store.ts'
import { contradictsUsage } from './usage-check.ts'
import { regionalFactor } from './worst-case.ts'

/** An admitted attempt and its end. */
export type Attempt = { ending: Ending; reply: Reply; call: Call; reservation: Reservation }

type Price = NanoUsd | undefined

/**
 * The invariant of the dollar cap: **spent + unconfirmed equals the worst case that was held, unless upstream's own
 * usage for this attempt was read completely.** There are exactly two exceptions:
 *
 * 1. `bill: 'none'`: the attempt was provably not billed, because it was never sent or was refused unprocessed. It costs 0.
 * 2. `bill: 'told'`, and the answer does not contradict it: the attempt costs its usage and the fees of the tools that the
 *    answer shows. Possible extra cost (fees without an exact price, an unreported tier, a regional surcharge) is
 *    unconfirmed.
 *
 * Every other end costs the worst case. Estimates are used for records and for token limits that are not strict, never for
 * the cap.
 */
export function settlementOf(attempt: Attempt): Settlement | Promise<Settlement> {
  const { ending, reply, call, reservation } = attempt
  const { usage, tier, bill } = ending.usage
  if (reply.via === 'refused' || bill === 'none') return unused(reservation)
  const { hostedCalls: _, ...tokens } = usage
  const { prices } = call.policy
  const told = bill === 'told' && !contradictsUsage(ending, call)
  const cost = ending.usage.unknown ? undefined : prices.cost(call.model, tokens, tier)
  const usual = told && ending.usage.tierUnreported ? prices.cost(call.model, tokens) : cost
  const settled = (cost: Price, usual: Price) => booked(attempt, told, cost, usual)
  if (!(cost instanceof Promise) && !(usual instanceof Promise)) return settled(cost, usual)
  return Promise.all([cost, usual]).then(([cost, usual]) => settled(cost, usual))
}

function booked(
  { ending, call, reservation }: Attempt,
  told: boolean,
  known: Price,
  usual: Price,
): Settlement {
  const { id, team, worstCost, inputTokens, maxOutputTokens } = reservation
  const { usage, estimated, unknown } = ending.usage
  // An estimate misses hidden tokens: given back, they would let others exceed the limit.
  const isStrict = reservation.limits.tpmMode === 'strict'
  const fees = told && known !== undefined ? feesOf(ending, call) : undefined
  const cost = (known ?? worstCost) + (fees?.exact ? fees.usd : 0)
  const more =
    fees === undefined || known === undefined
      ? worstCost - cost
      : (fees.exact ? 0 : fees.usd) +
        Math.max(0, (usual ?? worstCost) - known) +
        Math.ceil(known * (regionalFactor(call.outbound.url, call.model) - 1))
  return {
    id,
    team,
    tokens: unknown || (isStrict && !told) ? inputTokens + maxOutputTokens : totalTokens(usage),
    learnOutputTokens: estimated || ending.type !== 'complete' ? undefined : usage.output,
    cost: cost as NanoUsd,
    unconfirmed: Math.max(0, more) as NanoUsd,
  }
}

const NO_FEES = { usd: 0, exact: true }

/** Returns the fees besides tokens, in billionths of a dollar; `undefined` if the answer does not show all of them. */
function feesOf(ending: Ending, call: Call): { usd: number; exact: boolean } | undefined {
  const { operation, body, policy } = call
  const { fees } = policy.policy.hostedTools ?? {}
  const search = fees?.chat_search
  if (searches(call)) return search === undefined ? undefined : { usd: nanoUsd(search), exact: true }
  if (OPERATIONS[operation].hostedTools !== 'counted') return NO_FEES
  const tools = hostedToolsIn(body)
  const stored = body.prompt !== undefined && body.prompt !== null
  if (tools.length === 0 && !stored) return NO_FEES
  const output = ending.type === 'complete' ? ending.answer()?.json.output : undefined
  const shown = Array.isArray(output) ? feesShown(output, tools, fees) : undefined
  if (shown === undefined) return undefined
  return { usd: nanoUsd(shown.usd), exact: shown.exact }
}
