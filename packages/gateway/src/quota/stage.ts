import { askedTier, nothing } from '../account/meter.ts'
import { totalTokens } from '../account/usage.ts'
import type { Ending } from '../body/recording.ts'
import type { Call, Reply, Stage } from '../call.ts'
import { type Fault, guarded } from '../faults.ts'
import type { Later } from '../later.ts'
import { refuse } from '../refuse.ts'
import { inputSize } from '../route/tokens.ts'
import { codeOf } from '../words.ts'
import { maxOutputTokens } from './ask.ts'
import { rateLimitHeaders } from './headers.ts'
import { createQueue } from './queue.ts'
import { type MicroUsd, type QuotaStore, type Reservation, type Settlement, unused } from './store.ts'

/** A hold that nobody settles turns into doubt after this; longer than any call takes. */
const LEASE_MS = 15 * 60_000
const NO_MONEY = 0 as MicroUsd

type Price = MicroUsd | undefined

/** Reserves what the call may take at most, lets it go, and puts the truth in the place of the reservation. */
export function quota(
  store: QuotaStore,
  settlements: Later,
  gauge: { waiting: number },
  fault: Fault,
): Stage {
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
        id: `${call.origin.id}/${call.attempt}.${call.origin.sent}`,
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
      const sentBefore = call.origin.sent
      let reply: Reply
      let admission: Awaited<ReturnType<typeof queue.admit>>
      const late = { aborted: false }
      try {
        admission = await queue.admit(call, reservation)
        if (!('admitted' in admission)) return admission
        if (admission.degraded && call.origin.draft !== undefined) call.origin.draft.degraded = true
        late.aborted = call.signal.aborted
        reply = await next(call)
      } catch (error) {
        // A fault below, or in the store: nobody else knows of the hold. What was sent counts at its worst.
        const isSent = call.origin.sent > sentBefore
        settlements.add(() => book(isSent ? worstOf(reservation) : unused(reservation)))
        throw error
      }
      const atWorst = () => book(worstOf(reservation))
      settlements.after(
        reply.recording.ended,
        (ending) => settlements.add(() => settle(ending, reply, call, reservation, late.aborted), atWorst),
        atWorst,
      )
      const headers = guarded(() => rateLimitHeaders(admission, limits), fault, 'limit headers')
      return headers === undefined ? reply : { ...reply, headers }
    }

  /** At once where it can be: the next call of the team is to find the room. */
  function settle(
    ending: Ending | undefined,
    reply: Reply,
    call: Call,
    reservation: Reservation,
    late: boolean,
  ): Promise<void> {
    const truth = truthOf(ending, reply, call, reservation, late)
    return truth instanceof Promise ? truth.then(book) : book(truth)
  }

  /** What cannot be worked out counts at its worst. Never throws: a hold that nobody settles is lost for the day. */
  function truthOf(
    ending: Ending | undefined,
    reply: Reply,
    call: Call,
    reservation: Reservation,
    late: boolean,
  ): Settlement | Promise<Settlement> {
    const atWorst = (error: unknown) => {
      fault(error, 'a settlement')
      return worstOf(reservation)
    }
    try {
      // Nobody wanted it any more once there was room for it.
      if (late && reply.recording.status === undefined) return unused(reservation)
      if (ending === undefined) return worstOf(reservation)
      const settlement = settlementOf(ending, reply, call, reservation)
      return settlement instanceof Promise ? settlement.catch(atWorst) : settlement
    } catch (error) {
      return atWorst(error)
    }
  }

  async function book(settlement: Settlement): Promise<void> {
    await store.settle(settlement)
    queue.released(settlement.team)
  }

  function settlementOf(
    ending: Ending,
    reply: Reply,
    call: Call,
    { id, team, worstCost, inputTokens, maxOutputTokens }: Reservation,
  ): Settlement | Promise<Settlement> {
    const { usage, estimated, unknown } = ending.usage
    const settlement = (known: Price): Settlement => {
      const cost = known ?? worstCost
      const unseen = mayHaveCostMore(ending, reply, call)
      return {
        id,
        team,
        tokens: unknown ? inputTokens + maxOutputTokens : totalTokens(usage),
        learnOutputTokens: estimated || ending.type !== 'complete' ? undefined : usage.output,
        cost,
        doubt: (unseen ? Math.max(0, worstCost - cost) : 0) as MicroUsd,
      }
    }
    const cost = unknown ? undefined : call.rules.prices.cost(call.model, usage, ending.usage.tier)
    return cost instanceof Promise ? cost.then(settlement) : settlement(cost)
  }
}

/** All that was held for it. */
const worstOf = ({ id, team, inputTokens, maxOutputTokens, worstCost }: Reservation): Settlement => ({
  id,
  team,
  tokens: inputTokens + maxOutputTokens,
  learnOutputTokens: undefined,
  cost: worstCost,
  doubt: NO_MONEY,
})

function worstCostOf(call: Call, input: number, output: number): Price | Promise<Price> {
  const { prices } = call.rules
  const usage = { ...nothing.usage, input, cacheWrite: input, output }
  const usual = prices.cost(call.model, usage)
  const tier = askedTier(call)
  if (tier === undefined) return usual
  // A cheaper tier may be answered, and billed, at the usual one.
  return Promise.all([usual, prices.cost(call.model, usage, tier)]).then(([usual, asked]) =>
    usual === undefined || asked === undefined ? undefined : (Math.max(usual, asked) as MicroUsd),
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
  const code = error instanceof Error ? codeOf(error.cause) : undefined
  return code !== undefined && NOT_SENT.has(code)
}

const unpriced = ({ model, caller }: Call) => ({
  code: 'gateway_model_not_allowed' as const,
  param: 'model',
  message:
    `The price of ${JSON.stringify(model)} is unknown, so team ${caller.team}'s daily budget cannot hold it. ` +
    `Give models[${JSON.stringify(model)}] its input and output prices in the policy.`,
})
