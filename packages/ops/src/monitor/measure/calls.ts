import { type MetricsRow, readMetrics } from '@hotdash/llm-gateway/metrics'
import type { RedisClient } from '../../alerting/redis.ts'
import { LIMITS } from '../../core/limit-codes.ts'
import type { CallMeasures, MinuteTotals, Spend, WindowTotals } from './measured.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000

/** Reads what gateways have counted: 3 commands, and one more for each 500 minutes of a day that starts within an hour. */
export async function readCalls(
  client: RedisClient,
  now: number,
  dayStartsAt: number,
  windowMinutes: number,
): Promise<CallMeasures> {
  // The minute that has just begun, and one more for clocks that are ahead.
  const to = now + MINUTE_MS
  const isWholeHour = dayStartsAt % HOUR_MS === 0
  const [window, hour, today] = await Promise.all([
    readMetrics(client, { from: now - windowMinutes * MINUTE_MS, to }),
    readMetrics(client, { from: now - HOUR_MS + MINUTE_MS, to }),
    readMetrics(client, { from: dayStartsAt, to, by: isWholeHour ? 'hour' : 'minute' }),
  ])
  const { calls, errors, degraded, latency } = window.summary
  return {
    window: {
      calls,
      errors,
      degraded,
      ...(latency && { p95Ms: latency.p95 }),
      refusals: refusalsOf(window.rows),
    },
    today: spendOf(today.rows),
    hour: spendOf(hour.rows),
    quarter: spendOf(hour.rows.filter(({ at }) => at > now - 15 * MINUTE_MS)),
    history: historyOf(hour.rows, now),
  }
}

type RefusalRow = Pick<MetricsRow, 'team' | 'refusals'>
type CostRow = Pick<MetricsRow, 'team' | 'costUsd'>

/** Sums refusals by a limit, by team and code. */
export function refusalsOf(rows: readonly RefusalRow[]): WindowTotals['refusals'] {
  const teams: WindowTotals['refusals'] = {}
  for (const { team, refusals } of rows)
    for (const [code, count] of Object.entries(refusals)) {
      if (!Object.hasOwn(LIMITS, code)) continue
      const byCode = teams[team] ?? {}
      teams[team] = byCode
      byCode[code] = (byCode[code] ?? 0) + count
    }
  return teams
}

export function spendOf(rows: readonly CostRow[]): Spend {
  const teams: Spend['teams'] = {}
  let usd = 0
  for (const { team, costUsd } of rows) {
    teams[team] = (teams[team] ?? 0) + costUsd
    usd += costUsd
  }
  return { usd, teams }
}

type HistoryRow = Pick<MetricsRow, 'at' | 'calls' | 'errors' | 'refused' | 'degraded' | 'costUsd' | 'latency'>

/** Sums rows by minute, for the 60 minutes up to `now`. The p95 of a minute is that of its slowest row. */
export function historyOf(rows: readonly HistoryRow[], now: number): MinuteTotals[] {
  const last = Math.floor(now / MINUTE_MS)
  const minutes = Array.from({ length: 60 }, () => ({ ...NO_CALLS }))
  for (const row of rows) {
    const minute = minutes[59 - (last - Math.floor(row.at / MINUTE_MS))]
    if (minute === undefined) continue
    minute.calls += row.calls
    minute.errors += row.errors
    minute.refused += row.refused
    minute.degraded += row.degraded
    minute.costUsd += row.costUsd
    minute.p95Ms = Math.max(minute.p95Ms, row.latency?.p95 ?? 0)
  }
  return minutes
}

const NO_CALLS: MinuteTotals = { calls: 0, errors: 0, refused: 0, degraded: 0, costUsd: 0, p95Ms: 0 }
