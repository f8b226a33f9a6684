import type { Call, Stage } from '../call.ts'
import type { Later } from '../later.ts'
import { refuse } from '../refuse.ts'
import { rateLimitHeaders } from './headers.ts'
import type { Unbounded } from './hosted.ts'
import { createQueue } from './queue.ts'
import { type Attempt, settlementOf } from './settlement.ts'
import type { NanoUsd, QuotaStore, Reservation } from './store.ts'
import { createProjectTiers, USUAL } from './tiers.ts'
import { audioIn, worstOf } from './worst.ts'

/** A hold that nobody settles turns into doubt after this; longer than any call takes. */
const LEASE_MS = 15 * 60_000
const NO_MONEY = 0 as NanoUsd

/** Reserves what the call may take at most, lets it go, and puts the truth in the place of the reservation. */
export function quota(store: QuotaStore, settlements: Later, gauge: { waiting: number }): Stage {
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
        id: `${call.origin.id}/${call.origin.sent}`,
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
      settlements.run()
      let admission = await queue.admit(call, reservation)
      // Meanwhile, answers may have told that the guess was too dear.
      if (isTooDear(admission) && served.guessed && tiers.isUsual(call)) {
        const usual = worstOf(call, USUAL).cost
        const lower = usual instanceof Promise ? await usual : usual
        reservation = { ...reservation, worstCost: lower ?? reservation.worstCost }
        admission = await queue.admit(call, reservation)
      }
      if (!('admitted' in admission)) return admission
      if (admission.degraded && call.origin.draft !== undefined) call.origin.draft.degraded = true
      const { maxToolCalls } = worst
      const reply = await next(isCapped && maxToolCalls !== undefined ? limited(call, maxToolCalls) : call)
      void reply.recording.ended.then((ending) =>
        settlements.add(() => settle({ ending, reply, call, reservation })),
      )
      return { ...reply, headers: rateLimitHeaders(admission, limits) }
    }

  async function settle(attempt: Attempt) {
    tiers.learn(attempt.call, attempt.ending.usage)
    const settlement = settlementOf(attempt)
    await store.settle(settlement instanceof Promise ? await settlement : settlement)
    queue.released(attempt.reservation.team)
  }
}

const isTooDear = (admission: object) =>
  'refusal' in admission && admission.refusal === 'gateway_daily_usd_exceeded'

const limited = (call: Call, max_tool_calls: number): Call => ({
  ...call,
  outgoing: { ...call.outgoing, edits: { ...call.outgoing.edits, max_tool_calls } },
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
