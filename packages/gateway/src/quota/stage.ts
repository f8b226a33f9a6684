import { askedTier, nothing } from '../account/meter.ts'
import { totalTokens } from '../account/usage.ts'
import type { Ending } from '../body/recording.ts'
import type { Call, Reply, Stage } from '../call.ts'
import type { Later } from '../later.ts'
import { refuse } from '../refuse.ts'
import { inputSize } from '../route/tokens.ts'
import { maxOutputTokens } from './ask.ts'
import { rateLimitHeaders } from './headers.ts'
import { createQueue } from './queue.ts'
import { type NanoUsd, type QuotaStore, type Reservation, type Settlement, unused } from './store.ts'

/** A hold that nobody settles turns into doubt after this; longer than any call takes. */
const LEASE_MS = 15 * 60_000
const NO_MONEY = 0 as NanoUsd

type Price = NanoUsd | undefined

/** Reserves what the call may take at most, lets it go, and puts the truth in the place of the reservation. */
export function quota(store: QuotaStore, settlements: Later, gauge: { waiting: number }): Stage {
  const queue = createQueue(store, gauge)

  return (next) =>
    async function quota(call) {
      const { limits } = call.caller
      if (limits === undefined) return await next(call)
      const size = inputSize(call.operation, call.body, call.outgoing.text)
      const output = maxOutputTokens(call)
      const worst = worstCostOf(call, size.bound, output)
      const worstCost = worst instanceof Promise ? await worst : worst
      if (worstCost === undefined && limits.usdPerDay !== undefined) return refuse(call, unpriced(call))

      const reservation: Reservation = {
        id: `${call.origin.id}/${call.origin.sent}`,
        team: call.caller.team,
        agent: call.caller.agent,
        model: call.model,
        limits,
        inputTokens: limits.tpmMode === 'strict' ? size.bound : size.estimate,
        maxOutputTokens: output,
        // What the agent asks is what its team's requests are counted by.
        requests: call.purpose === undefined ? 1 : 0,
        worstCost: worstCost ?? NO_MONEY,
        leaseMs: LEASE_MS,
      }
      settlements.run()
      const admission = await queue.admit(call, reservation)
      if (!('admitted' in admission)) return admission
      if (admission.degraded && call.origin.draft !== undefined) call.origin.draft.degraded = true
      const late = call.signal.aborted
      const reply = await next(call)
      void reply.recording.ended.then((ending) =>
        settlements.add(() => settle(ending, reply, call, reservation, late)),
      )
      return { ...reply, headers: rateLimitHeaders(admission, limits) }
    }

  async function settle(ending: Ending, reply: Reply, call: Call, reservation: Reservation, late: boolean) {
    // Nobody wanted it any more once there was room for it.
    const unsent = late && reply.recording.status === undefined
    const settlement = unsent ? unused(reservation) : settlementOf(ending, reply, call, reservation)
    await store.settle(settlement instanceof Promise ? await settlement : settlement)
    queue.released(reservation.team)
  }

  function settlementOf(
    ending: Ending,
    reply: Reply,
    call: Call,
    { id, team, worstCost }: Reservation,
  ): Settlement | Promise<Settlement> {
    const { usage, estimated } = ending.usage
    const settlement = (known: Price): Settlement => {
      const cost = known ?? worstCost
      const unseen = mayHaveCostMore(ending, reply, call)
      return {
        id,
        team,
        tokens: totalTokens(usage),
        learnOutputTokens: estimated || ending.type !== 'complete' ? undefined : usage.output,
        cost,
        doubt: (unseen ? Math.max(0, worstCost - cost) : 0) as NanoUsd,
      }
    }
    const cost = call.rules.prices.cost(call.model, usage, ending.usage.tier)
    return cost instanceof Promise ? cost.then(settlement) : settlement(cost)
  }
}

function worstCostOf(call: Call, input: number, output: number): Price | Promise<Price> {
  const { prices } = call.rules
  const usage = { ...nothing.usage, input, cacheWrite: input, output }
  const usual = prices.cost(call.model, usage)
  const tier = askedTier(call)
  if (tier === undefined) return usual
  // A cheaper tier may be answered, and billed, at the usual one.
  return Promise.all([usual, prices.cost(call.model, usage, tier)]).then(([usual, asked]) =>
    usual === undefined || asked === undefined ? undefined : (Math.max(usual, asked) as NanoUsd),
  )
}

/** Upstream had the whole request, and whatever it made of it never reached us. */
function mayHaveCostMore(ending: Ending, reply: Reply, call: Call): boolean {
  if (ending.type === 'complete') return false
  if (ending.type === 'aborted') return reply.recording.status === undefined || !call.view.stream
  return reply.recording.status === undefined && !neverConnected(ending.error)
}

const NOT_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])

function neverConnected(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined
  return typeof cause === 'object' && cause !== null && 'code' in cause && NOT_SENT.has(String(cause.code))
}

const unpriced = ({ model, caller }: Call) => ({
  code: 'gateway_model_not_allowed' as const,
  param: 'model',
  message:
    `The price of ${JSON.stringify(model)} is unknown, so team ${caller.team}'s daily budget cannot hold it. ` +
    `Give models[${JSON.stringify(model)}] its input and output prices in the policy.`,
})
