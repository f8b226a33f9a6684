import { LIMITS } from '../core/limit-codes.ts'
import type { TeamLimits } from './source.ts'
import type { Span } from './span.ts'
import { totalsOf } from './totals.ts'

export type TeamQuota = {
  team: string
  costUsd: number
  /** US dollars a day. Absent: no cap. */
  capUsd?: number
  dearestDay?: { date: string; usd: number }
  /** Days whose recorded cost is above the cap. */
  daysOverCap: string[]
  rpm?: number
  busiestRequests: number
  tpm?: number
  busiestTokens: number
  /** Refusals by a limit. */
  refusals: { code: string; limit: string; calls: number; isIntended: boolean }[]
  /** Refusals that are not intended, and days over the cap. */
  violations: number
}

export type DaySpan = { date: string; span: Span }

/** Compares the usage of each team with its limits. @param intended `team`, or `team:code` */
export function quotasOf(
  total: Span,
  days: readonly DaySpan[],
  limits: readonly TeamLimits[],
  intended: readonly string[],
): TeamQuota[] {
  const teams = new Set([
    ...limits.map(({ team }) => team),
    ...total.agents.map(({ team }) => team),
    ...total.refusals.map(({ team }) => team),
  ])
  return [...teams].toSorted().map((team) => {
    const { rpm, tpm, usd_per_day: cap } = limits.find((row) => row.team === team) ?? {}
    const busiest = total.minutes.find((row) => row.team === team)
    const costs = days.map(({ date, span }) => ({
      date,
      usd: totalsOf(span, (row) => row.team === team).costUsd,
    }))
    const daysOverCap = cap == null ? [] : costs.filter(({ usd }) => usd > cap).map(({ date }) => date)
    const [dearestDay] = costs.filter(({ usd }) => usd > 0).toSorted((one, other) => other.usd - one.usd)
    const refusals = refusalsOf(total, team, intended)
    const unintended = refusals.filter(({ isIntended }) => !isIntended)
    return {
      team,
      costUsd: totalsOf(total, (row) => row.team === team).costUsd,
      ...(cap != null && { capUsd: cap }),
      ...(dearestDay !== undefined && { dearestDay }),
      daysOverCap,
      ...(rpm != null && { rpm }),
      busiestRequests: busiest?.requests ?? 0,
      ...(tpm != null && { tpm }),
      busiestTokens: busiest?.tokens ?? 0,
      refusals,
      violations: unintended.reduce((sum, { calls }) => sum + calls, daysOverCap.length),
    }
  })
}

const refusalsOf = (total: Span, team: string, intended: readonly string[]): TeamQuota['refusals'] =>
  total.refusals
    .filter((row) => row.team === team && Object.hasOwn(LIMITS, row.code))
    .map(({ code, calls }) => ({
      code,
      limit: LIMITS[code] ?? code,
      calls,
      isIntended: intended.includes(team) || intended.includes(`${team}:${code}`),
    }))
    .toSorted((one, other) => other.calls - one.calls)
