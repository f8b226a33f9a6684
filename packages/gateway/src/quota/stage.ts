import { refuse } from '../body/refusal-response.ts'
import type { Call, Stage } from '../core/call.ts'
import type { NanoUsd } from '../core/money.ts'
import type { Reply } from '../core/reply.ts'
import { abortedReply } from '../core/reply.ts'
import type { Limits } from '../core/team-limits.ts'
import type { DeferredQueue } from '../util/deferred.ts'
import { type Fault, guarded } from '../util/faults.ts'
import { raceAbort, settlesWithin } from '../util/timeout.ts'
import { createQueue, type Refused } from './admission.ts'
import { rateLimitHeaders } from './headers.ts'
import type { UnboundedCost } from './hosted-tools.ts'
import { tierUnknown } from './refusal.ts'
import { type Attempt, settlementOf } from './settlement.ts'
import { type QuotaStore, type Reservation, type Settlement, unused } from './store.ts'
import { createProjectTiers, type Tiers, USUAL } from './tiers.ts'
import { audioIn, worstCaseOf } from './worst-case.ts'

/** Time after which an unsettled hold becomes unconfirmed spend; longer than any call takes. */
const LEASE_MS = 15 * 60_000
/** Longest time that a call waits for earlier answers to reveal their tier. */
const TELLING_MS = 60_000
/** Largest `retryAfterMs` of a refusal that is due to holds only. */
const HELD_UP_MS = 1_000
const NO_MONEY = 0 as NanoUsd

/** Reserves the most that a call may use, forwards the call, and replaces the reservation by the actual usage. */
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
      const worst = worstCaseOf(call, served)
      const isCapped = limits.usdPerDay !== undefined
      const worstCost = worst.cost instanceof Promise ? await worst.cost : worst.cost
      const refusal = isCapped ? unheld(call, worst.unbounded, worstCost) : undefined
      if (refusal !== undefined) return refuse(call, refusal)
      if (served.guessed && isOver(worstCost, limits) && !isOver(await worstCaseOf(call, USUAL).cost, limits))
        return refuse(call, tierUnknown(call, limits))

      let reservation: Reservation = {
        id: `${call.state.id}/${call.attempt}.${call.state.upstreamAttempts}`,
        team: call.caller.team,
        agent: call.caller.agent,
        model: call.model,
        limits,
        inputTokens: limits.tpmMode === 'strict' ? worst.inputTokens : worst.likelyInput,
        maxOutputTokens: worst.outputTokens,
        // Only the agent's own calls count as requests, not those that the gateway makes for them.
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
        // A refusal due to guessed tiers is retried at the usual price once answers have confirmed it.
        for (let tries = 0; guess !== undefined && isTooDear(admission); ) {
          const usual = await worstCaseOf(call, USUAL).cost
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
        // In Redis the limits of the newest policy bind, and this process may not have received it.
        const bindsDollars = isCapped || admission.bounds?.usdPerDay !== undefined
        const reason = bindsDollars && !isCapped ? unheld(call, worst.unbounded, worstCost) : undefined
        if (reason !== undefined) {
          settlements.add(() => book(unused(reservation), undefined))
          return refuse(call, reason)
        }
        if (guess === reservation.worstCost)
          known = tiers.guess(served, guess - ((await worstCaseOf(call, USUAL).cost) ?? guess))
        if (admission.degraded && call.state.draft !== undefined) call.state.draft.degraded = true
        const { maxToolCalls } = worst
        const isBound = bindsDollars || (limits.tpm !== undefined && limits.tpmMode === 'strict')
        reply = await next(isBound && maxToolCalls !== undefined ? limited(call, maxToolCalls) : call)
        const attempt = { reply, call, reservation }
        const bookWorst = () => book(atWorst(reservation), known)
        settlements.after(
          reply.recording.ended,
          (ending) => settlements.add(() => settle({ ending, ...attempt }, served, known), bookWorst),
          bookWorst,
        )
      } catch (error) {
        // After a fault no other part settles the hold. An attempt that was sent costs the worst case.
        const isSent = call.state.upstreamAttempts > sentBefore
        settlements.add(() => book(isSent ? atWorst(reservation) : unused(reservation), known))
        throw error
      }
      const headers = guarded(() => rateLimitHeaders(admission, limits), fault, 'limit headers')
      return headers === undefined ? reply : { ...reply, headers }
    }

  /** Settles synchronously if possible, so that the team's next call finds the room. After a fault the worst case counts. */
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

/** Returns the settlement that costs the worst case. */
const atWorst = ({ id, team, inputTokens, maxOutputTokens, worstCost }: Reservation): Settlement => ({
  id,
  team,
  tokens: inputTokens + maxOutputTokens,
  learnOutputTokens: undefined,
  cost: worstCost,
  unconfirmed: NO_MONEY,
})

/** Returns whether one call may cost more than the whole day's budget. */
const isOver = (cost: NanoUsd | undefined, { usdPerDay }: Limits) =>
  cost !== undefined && usdPerDay !== undefined && cost > usdPerDay

const isTooDear = (admission: object) =>
  'refusal' in admission && admission.refusal === 'gateway_daily_usd_exceeded'

/** Returns the dollars left, in billionths, if a call was refused due to holds only; else `undefined`. */
function leftBeside(admission: { verdict?: Refused } | object): number | undefined {
  const verdict = 'verdict' in admission ? admission.verdict : undefined
  const isHeldUp = verdict?.retryAfterMs !== undefined && verdict.retryAfterMs <= HELD_UP_MS
  return isHeldUp ? verdict.remaining.usd : undefined
}

const limited = (call: Call, max_tool_calls: number): Call => ({
  ...call,
  outbound: { ...call.outbound, bodyEdits: { ...call.outbound.bodyEdits, max_tool_calls } },
})

/** Returns the refusal of a call whose cost no budget can hold; `undefined` if one can. */
function unheld(call: Call, bound: UnboundedCost | undefined, worstCost: NanoUsd | undefined) {
  if (bound !== undefined) return unbounded(call, bound)
  return worstCost === undefined ? unpriced(call) : undefined
}

const unbounded = ({ caller }: Call, { param, why, fix }: UnboundedCost) => ({
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
