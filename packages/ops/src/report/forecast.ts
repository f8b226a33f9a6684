import { type Day, dayOf } from '../alerting/day.ts'
import { dayOfDate } from './range.ts'

export type Forecast = {
  /** `YYYY-MM` of the last day of the report. */
  month: string
  spentUsd: number
  /** The whole month: what is spent, and the mean of the sampled days for each day that is left. */
  expectedUsd: number
  /** Two standard errors of the rest of the month below and above. Equal to `expectedUsd` with a single sampled day. */
  lowUsd: number
  highUsd: number
  /** Days that are left, with the rest of the current one as a fraction. */
  daysLeft: number
  sampledDays: number
}

const SAMPLED_DAYS = 7

/** Returns the last seven whole days before `until`, oldest first: each day of the week once. */
export function sampleDays(until: number, timezone: string): Day[] {
  const days: Day[] = []
  let day = dayOf(until, timezone)
  for (let count = 0; count < SAMPLED_DAYS; count += 1) {
    day = dayOf(day.startsAt - 1, timezone)
    days.unshift(day)
  }
  return days
}

/** Returns the month of the last instant before `until`. */
export function monthOf(until: number, timezone: string): { month: string; startsAt: number } {
  const month = dayOf(until - 1, timezone).date.slice(0, 7)
  return { month, startsAt: dayOfDate(`${month}-01`, timezone)?.startsAt ?? until }
}

/**
 * Estimates the cost of the month of the last day. Days before the first call are no samples.
 *
 * @param samples cost and calls of whole days, oldest first
 * @returns `undefined` where no whole day has calls
 */
export function forecastOf(
  until: number,
  timezone: string,
  spentUsd: number,
  samples: readonly { usd: number; calls: number }[],
): Forecast | undefined {
  const first = samples.findIndex(({ calls }) => calls > 0)
  if (first === -1) return undefined
  const costs = samples.slice(first).map(({ usd }) => usd)
  const mean = costs.reduce((sum, usd) => sum + usd, 0) / costs.length
  const { month } = monthOf(until, timezone)
  const daysLeft = daysLeftIn(month, until, timezone)
  const rest = mean * daysLeft
  const squares = costs.reduce((sum, usd) => sum + (usd - mean) ** 2, 0)
  const variance = costs.length > 1 ? squares / (costs.length - 1) : 0
  // Days vary, and the mean itself is uncertain.
  const error = 2 * Math.sqrt(variance * (daysLeft + daysLeft ** 2 / costs.length))
  return {
    month,
    spentUsd,
    expectedUsd: spentUsd + rest,
    lowUsd: spentUsd + Math.max(0, rest - error),
    highUsd: spentUsd + rest + error,
    daysLeft,
    sampledDays: costs.length,
  }
}

function daysLeftIn(month: string, until: number, timezone: string): number {
  let left = 0
  for (let day = dayOf(until, timezone); day.date.startsWith(month); day = dayOf(day.endsAt, timezone))
    left += (day.endsAt - Math.max(day.startsAt, until)) / (day.endsAt - day.startsAt)
  return left
}
