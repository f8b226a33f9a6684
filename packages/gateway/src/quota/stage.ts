import { refuse } from '../body/refusal-response.ts'
import type { Call, Stage } from '../core/call.ts'
import type { NanoUsd } from '../core/money.ts'
import type { Reply } from '../core/reply.ts'
import { abortedReply } from '../core/reply.ts'
import type { DeferredQueue } from '../util/deferred.ts'
import { type Fault, guarded } from '../util/faults.ts'
import { raceAbort, settlesWithin } from '../util/timeout.ts'
import { createQueue, type Refused } from './admission.ts'
import { rateLimitHeaders } from './headers.ts'
import type { Unbounded } from './hosted.ts'
import { type Attempt, settlementOf } from './settlement.ts'
import { type QuotaStore, type Reservation, type Settlement, unused } from './store.ts'
import { createProjectTiers, type Tiers, USUAL } from './tiers.ts'
import { audioIn, worstOf } from './worst.ts'

/** A hold that nobody settles turns into doubt after this; longer than any call takes. */
const LEASE_MS = 15 * 60_000
/** How long a call waits for the tier of those before it, at most. */
const TELLING_MS = 60_000
/** The `retry-after` of a refusal that holds alone are the reason of. */
const HELD_UP_MS = 1_000
const NO_MONEY = 0 as NanoUsd

/** Reserves what the call may take at most, lets it go, and puts the truth in the place of the reservation. */
export function quota(
  store: QuotaStore,
  settlements: DeferredQueue,
  gauge: { waiting: number },
  fault: Fault,
): Stage {
  const queue = createQueue(store, gauge)
  const tiers = createProjectTiers()

  return (next) =>
    async function quota(call) {
      const { limits } = call.caller
      if (limits === undefined) return await next(call)
      const served = tiers.of(call)
      let worst = worstOf(call, served)
      const isCapped = limits.usdPerDay !== undefined
      if (isCapped && worst.unbounded !== undefined) return refuse(call, unbounded(call, worst.unbounded))
      let worstCost = worst.cost instanceof Promise ? await worst.cost : worst.cost
      // A guess refuses nothing for good: what would never fit at the dearest tier is held at the usual one.
      if (served.guessed && worstCost !== undefined && worstCost > (limits.usdPerDay ?? worstCost)) {
        worst = worstOf(call, USUAL)
        worstCost = worst.cost instanceof Promise ? await worst.cost : worst.cost
      }
      if (isCapped && worstCost === undefined) return refuse(call, unpriced(call))

      let reservation: Reservation = {
        id: `${call.state.id}/${call.attempt}.${call.state.upstreamAttempts}`,
        team: call.caller.team,
        agent: call.caller.agent,
        model: call.model,
        limits,
        inputTokens: limits.tpmMode === 'strict' ? worst.inputTokens : worst.likelyInput,
        maxOutputTokens: worst.outputTokens,
        // What the agent asks is what its team's requests are counted by.
        requests: call.purpose === undefined ? 1 : 0,
        worstCost: worstCost ?? NO_MONEY,
        leaseMs: LEASE_MS,
      }
      const guess = served.guessed && isCapped ? reservation.worstCost : undefined
      settlements.run()
      const sentBefore = call.state.upstreamAttempts
      let admission: Awaited<ReturnType<typeof queue.admit>>
      let reply: Reply
      let known: (() => void) | undefined
      try {
        admission = await queue.admit(call, reservation)
        // What guesses refuse is tried at the usual price as soon as answers have told it: a first burst may use it all.
        for (let tries = 0; guess !== undefined && isTooDear(admission); ) {
          const usual = await worstOf(call, USUAL).cost
          if (usual === undefined) break
          if (!tiers.isUsual(served) || reservation.worstCost === usual) {
            const telling = tiers.whenKnown(served, usual, leftBeside(admission), tries)
            if (telling === undefined) break
            tries += 1
            await settlesWithin(raceAbort(telling, call.signal), TELLING_MS)
            if (call.signal.aborted) return abortedReply(call)
          }
          if (tiers.isUsual(served)) reservation = { ...reservation, worstCost: usual }
          admission = await queue.admit(call, reservation)
        }
        if (!('admitted' in admission)) return admission
        if (guess === reservation.worstCost)
          known = tiers.guess(served, guess - ((await worstOf(call, USUAL).cost) ?? guess))
        if (admission.degraded && call.state.draft !== undefined) call.state.draft.degraded = true
        const { maxToolCalls } = worst
        reply = await next(isCapped && maxToolCalls !== undefined ? limited(call, maxToolCalls) : call)
        const attempt = { reply, call, reservation }
        const bookWorst = () => book(atWorst(reservation), known)
        settlements.after(
          reply.recording.ended,
          (ending) => settlements.add(() => settle({ ending, ...attempt }, served, known), bookWorst),
          bookWorst,
        )
      } catch (error) {
        // A fault below, or in the store: no other part knows of the hold. What was sent counts at its worst.
        const isSent = call.state.upstreamAttempts > sentBefore
        settlements.add(() => book(isSent ? atWorst(reservation) : unused(reservation), known))
        throw error
      }
      const headers = guarded(() => rateLimitHeaders(admission, limits), fault, 'limit headers')
      return headers === undefined ? reply : { ...reply, headers }
    }

  /** At once where it can be: the next call of the team is to find the room. What cannot be worked out counts at its worst. */
  function settle(attempt: Attempt, served: Tiers, known: (() => void) | undefined): Promise<void> {
    const failed = (error: unknown) => {
      fault(error, 'a settlement')
      return atWorst(attempt.reservation)
    }
    try {
      tiers.learn(served, attempt.ending.usage)
      const settlement = settlementOf(attempt)
      if (!(settlement instanceof Promise)) return book(settlement, known)
      return settlement.catch(failed).then((settlement) => book(settlement, known))
    } catch (error) {
      return book(failed(error), known)
    }
  }

  async function book(settlement: Settlement, known: (() => void) | undefined): Promise<void> {
    try {
      await store.settle(settlement)
    } finally {
      known?.()
      queue.released(settlement.team)
    }
  }
}

/** All that was held for it. */
const atWorst = ({ id, team, inputTokens, maxOutputTokens, worstCost }: Reservation): Settlement => ({
  id,
  team,
  tokens: inputTokens + maxOutputTokens,
  learnOutputTokens: undefined,
  cost: worstCost,
  unconfirmed: NO_MONEY,
})

const isTooDear = (admission: object) =>
  'refusal' in admission && admission.refusal === 'gateway_daily_usd_exceeded'

/** Dollars left beside holds, if only holds stand in the way, which are mostly given back. */
function leftBeside(admission: { verdict?: Refused } | object): number | undefined {
  const verdict = 'verdict' in admission ? admission.verdict : undefined
  const isHeldUp = verdict?.retryAfterMs !== undefined && verdict.retryAfterMs <= HELD_UP_MS
  return isHeldUp ? verdict.remaining.usd : undefined
}

const limited = (call: Call, max_tool_calls: number): Call => ({
  ...call,
  outbound: { ...call.outbound, bodyEdits: { ...call.outbound.bodyEdits, max_tool_calls } },
})

const unbounded = ({ caller }: Call, { param, why, fix }: Unbounded) => ({
  code: 'gateway_cost_unbounded' as const,
  param,
  message:
    `Nothing bounds what this call may cost: ${why}. Team ${caller.team}'s daily budget cannot hold it. ` +
    `${fix}, or the most such a call can cost, hostedTools.worstUsd.`,
})

const unpriced = (call: Call) => {
  const { model, caller, body } = call
  const name = JSON.stringify(model)
  const tier =
    typeof body.service_tier === 'string' ? ` (or of its tier ${JSON.stringify(body.service_tier)})` : ''
  const kind = isSpoken(call) ? 'audioInput and audioOutput prices, too,' : 'input and output prices'
  return {
    code: 'gateway_model_not_allowed' as const,
    param: 'model',
    message:
      `The price of ${name}${tier} is unknown, so team ${caller.team}'s daily budget cannot hold it. ` +
      `Give models[${name}] its ${kind} in the policy.`,
  }
}

function isSpoken(call: Call): boolean {
  const { input, output } = audioIn(call, 1)
  return input > 0 || output
}
