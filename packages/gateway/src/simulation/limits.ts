import type { NanoUsd } from '../core/money.ts'
import type { PriceBook } from '../core/pricing.ts'
import type { RefusalCode } from '../core/refusal-codes.ts'
import { LIMITS } from '../quota/limits.ts'
import { createMemoryQuota } from '../quota/memory.ts'
import type { Running } from './running.ts'

/** A reservation that never expires: each simulated call ends. */
const FOREVER_MS = 1e12
const NO_MONEY = 0 as NanoUsd

/** Why a call may not be sent now. `retryAfterMs`: absent where it never may. */
export type Denied = { code: RefusalCode; retryAfterMs?: number }

/** Applies the limits of the gateway itself, on a clock of their own. @param now Returns milliseconds since the epoch. */
export function createLimits(prices: PriceBook, now: () => number) {
  const quota = createMemoryQuota(now, now)

  return {
    /** Reserves what a call may use at most; `undefined`: it may be sent. */
    admit({ id, call, caller, model, usage }: Running): Denied | undefined {
      const { limits } = caller
      if (limits === undefined || caller.mode !== 'embedded') return undefined
      const output = Math.min(call.maxOutputTokens ?? Number.POSITIVE_INFINITY, prices.maxOutput(model))
      const tokens = { input: usage.input, audioInput: usage.audioInput, output, audioOutput: 0 }
      const worstCost = prices.worst(model, tokens, ['default'], [])
      if (worstCost instanceof Promise || (worstCost === undefined && limits.usdPerDay !== undefined))
        return { code: 'gateway_model_not_allowed' }
      const verdict = quota.reserve({
        id,
        team: caller.team,
        agent: call.agent,
        model,
        limits,
        inputTokens: usage.input,
        maxOutputTokens: output,
        worstCost: worstCost ?? NO_MONEY,
        leaseMs: FOREVER_MS,
      })
      if (verdict.admitted) return undefined
      const { limit, retryAfterMs } = verdict
      // The store in memory is never closed or away.
      const code =
        limit === 'unavailable' || limit === 'closed' ? 'gateway_quota_unavailable' : LIMITS[limit].code
      return { code, ...(retryAfterMs !== undefined && { retryAfterMs }) }
    },
    /** Replaces a reservation by what was used: by nothing, where upstream bills nothing. */
    settle({ id, call, caller: { team, limits, mode }, usage }: Running, cost: NanoUsd | undefined): void {
      if (limits === undefined || mode !== 'embedded') return
      const isUsed = !call.unbilled
      quota.settle({
        id,
        team,
        tokens: isUsed ? usage.input + usage.output : 0,
        learnOutputTokens: isUsed ? usage.output : undefined,
        cost: cost ?? NO_MONEY,
        unconfirmed: NO_MONEY,
      })
    },
  }
}
