import type { Call } from '../core/call.ts'
import type { Caller } from '../core/caller.ts'
import type { Refusal } from '../core/refusal-codes.ts'
import type { Limits } from '../core/team-limits.ts'
import { rateLimitHeaders } from './headers.ts'
import { LIMITS } from './limits.ts'
import type { Verdict } from './store.ts'

/** Creates the refusal of a verdict: names the limit, the team and the time until a retry. `waitedMs`: time in the queue. */
export function refusalOf(
  verdict: Extract<Verdict, { admitted: false }>,
  { team, agent }: Caller,
  limits: Limits,
  waitedMs = 0,
): Refusal {
  const { limit, retryAfterMs, degraded, bounds = limits } = verdict
  if (limit === 'unavailable')
    return {
      code: 'gateway_quota_unavailable',
      message: `Redis is away, so the limits of team ${team} cannot be checked, and this process was granted no part of them to use meanwhile: see allowance and allowanceUsd in onRedisUnavailable of the team. (agent ${agent})`,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    }
  if (limit === 'closed')
    return {
      code: 'gateway_quota_unavailable',
      message: `This client was closed, and has given its part of team ${team}'s limits back: close it after its last call, or create another one. (agent ${agent})`,
    }
  const { code, field, words } = LIMITS[limit]
  const size = words(bounds[field] ?? 0)
  const why =
    retryAfterMs === undefined
      ? `This call may take more than team ${team}'s ${size}, all by itself: lower its maximum output, its input, or the calls of tools that it allows (max_tool_calls).`
      : degraded
        ? `Redis is away, and this process has used up its part of team ${team}'s limits, ${size}. Try again in ${seconds(retryAfterMs)}.`
        : `Team ${team} has used up its ${size}. Try again in ${seconds(retryAfterMs)}.`
  return {
    code,
    message: `${why}${waitedMs > 0 ? ` This call has waited ${seconds(waitedMs)} for it.` : ''} (agent ${agent})`,
    headers: { 'x-gateway-limit': limit, ...rateLimitHeaders(verdict, limits) },
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  }
}

/** Creates the refusal of a call that fits the day's budget at the usual tier only, while the project's tier is unknown. */
export function tierUnknown({ model, caller: { team, agent } }: Call, limits: Limits): Refusal {
  const { code, name, words } = LIMITS.daily_usd
  return {
    code,
    param: 'service_tier',
    message: `This call may take more than team ${team}'s ${words(limits.usdPerDay ?? 0)}, all by itself, if upstream's project answers at the priority tier, which no answer of ${model} has told yet. Name the project's tier in the policy (defaultServiceTier: 'default'), request one (service_tier: 'default'), or lower the call's maximum output. (agent ${agent})`,
    headers: { 'x-gateway-limit': name },
  }
}

const seconds = (ms: number) => (ms < 1_000 ? `${Math.ceil(ms)} ms` : `${Math.ceil(ms / 1_000)} s`)
