import { askedTier } from '../account/meter.ts'
import type { PriceBook } from '../account/price.ts'
import { totalTokens } from '../account/usage.ts'
import type { Ending } from '../body/recording.ts'
import type { Call, Reply, Stage } from '../call.ts'
import { refuse } from '../refuse.ts'
import { boundInput, estimateInput } from '../route/tokens.ts'
import { maxOutputTokens } from './ask.ts'
import { rateLimitHeaders, withHeaders } from './headers.ts'
import { refusalOf } from './refusal.ts'
import type { MicroUsd, QuotaStore, Reservation, Settlement } from './store.ts'

/** A hold that nobody settles turns into doubt after this; longer than any call takes. */
const LEASE_MS = 15 * 60_000
const NO_MONEY = 0 as MicroUsd

/** Reserves what the call may take at most, lets it go, and puts the truth in the place of the reservation. */
export function quota(store: QuotaStore, prices: PriceBook): Stage {
  return (next) =>
    async function quota(call) {
      const { limits } = call.caller
      if (limits === undefined) return await next(call)
      const worstCost = await worstCostOf(call)
      if (worstCost === undefined && limits.usdPerDay !== undefined) return refuse(call, unpriced(call))

      const reservation = reservationOf(call, worstCost ?? NO_MONEY)
      const verdict = await store.reserve(reservation)
      if (!verdict.admitted) return refuse(call, refusalOf(verdict, call.caller, limits))
      const late = call.signal.aborted
      const reply = await next(call)
      void reply.recording.ended.then(async (ending) => {
        const unsent = late && reply.recording.status === undefined
        await store.settle(
          unsent ? unused(reservation) : await settlementOf(ending, reply, call, reservation),
        )
      })
      return { ...reply, recording: withHeaders(reply.recording, rateLimitHeaders(verdict, limits)) }
    }

  async function worstCostOf(call: Call): Promise<MicroUsd | undefined> {
    const input = boundInput(call.operation, call.body, call.outgoing.text)
    const output = maxOutputTokens(call, prices)
    const usage = { input, cachedInput: 0, audioInput: 0, output, reasoning: 0, audioOutput: 0 }
    // A cheaper tier may be answered, and billed, at the usual one.
    const [usual, asked] = await Promise.all([
      prices.cost(call.model, usage),
      prices.cost(call.model, usage, askedTier(call)),
    ])
    return usual === undefined || asked === undefined ? undefined : (Math.max(usual, asked) as MicroUsd)
  }

  function reservationOf(call: Call, worstCost: MicroUsd): Reservation {
    const { caller, operation, body, outgoing, origin, model } = call
    const limits = caller.limits ?? { tpmMode: 'expected', timezone: 'UTC' }
    const count = limits.tpmMode === 'strict' ? boundInput : estimateInput
    return {
      id: `${origin.id}/${origin.sent}`,
      team: caller.team,
      agent: caller.agent,
      model,
      limits,
      inputTokens: count(operation, body, outgoing.text),
      maxOutputTokens: maxOutputTokens(call, prices),
      worstCost,
      leaseMs: LEASE_MS,
    }
  }

  async function settlementOf(
    ending: Ending,
    reply: Reply,
    call: Call,
    { id, team, worstCost }: Reservation,
  ): Promise<Settlement> {
    const { usage, estimated } = ending.usage
    const cost = (await prices.cost(call.model, usage, ending.usage.tier)) ?? worstCost
    const unseen = mayHaveCostMore(ending, reply, call)
    return {
      id,
      team,
      tokens: totalTokens(usage),
      learnOutputTokens: estimated || ending.type !== 'complete' ? undefined : usage.output,
      cost,
      doubt: (unseen ? Math.max(0, worstCost - cost) : 0) as MicroUsd,
    }
  }
}

/** Nobody wanted it any more once there was room for it. */
const unused = ({ id, team }: Reservation): Settlement => ({
  id,
  team,
  tokens: 0,
  learnOutputTokens: undefined,
  cost: NO_MONEY,
  doubt: NO_MONEY,
})

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
