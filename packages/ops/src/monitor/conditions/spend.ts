import type { Measured, Spend } from '../measure/measured.ts'
import type { Condition, Measure } from './condition.ts'
import { formatTime, formatValue } from './format.ts'

const HOUR_MS = 3_600_000

/** Dollars of all teams since midnight. */
export const dailySpend: Condition = {
  name: 'daily-spend',
  title: 'Daily spend',
  severity: 'critical',
  unit: 'usd',
  forSeconds: () => 0,
  evaluate({ calls }, { dailySpendUsd }) {
    if (calls === undefined) return undefined
    const value = calls.today.usd
    const text = `${formatValue(value, 'usd')} were spent today; ${formatValue(dailySpendUsd, 'usd')} a day are planned.`
    return [{ isActive: value > dailySpendUsd, value, threshold: dailySpendUsd, text }]
  },
  chart: ({ costUsd }) => costUsd,
}

/** Share of each team's daily budget that is spent: one alert for each step, e.g. 50, 80 and 100 %. */
export const budget: Condition = {
  name: 'budget',
  title: 'Budget',
  severity: 'warning',
  unit: 'percent',
  forSeconds: () => 0,
  evaluate({ calls, budgets }, { budgetPercents }) {
    if (calls === undefined || budgets === undefined) return undefined
    return Object.entries(budgets).flatMap(([team, usd]) => {
      const spent = calls.today.teams[team] ?? 0
      const value = (100 * spent) / usd
      return budgetPercents.map((percent) => ({
        labels: { team, percent: String(percent) },
        severity: percent <= 50 ? ('info' as const) : ('warning' as const),
        isActive: value >= percent,
        value,
        threshold: percent,
        text: `Team ${team} has spent ${formatValue(spent, 'usd')} of ${formatValue(usd, 'usd')} today: ${formatValue(value, 'percent')}.`,
      }))
    })
  },
  chart: ({ costUsd }) => costUsd,
}

/**
 * A budget that will be spent within hours if spending goes on as in the last hour and in the last quarter of an hour. Both
 * must agree: the first alone would fire long after a peak, the second alone at each short one.
 */
export const burnRate: Condition = {
  name: 'burn-rate',
  title: 'Spending fast',
  severity: 'warning',
  unit: 'percent',
  forSeconds: ({ burnRate }) => burnRate.forSeconds,
  evaluate(measured, { burnRate, dailySpendUsd }) {
    const { calls, budgets } = measured
    if (calls === undefined || budgets === undefined) return undefined
    const spentBy = (team: string) => (spend: Spend) => spend.teams[team] ?? 0
    const caps: [Record<string, string>, number, (spend: Spend) => number][] = [
      [{}, dailySpendUsd, ({ usd }) => usd],
      ...Object.entries(budgets).map(
        ([team, usd]) =>
          [{ team }, usd, spentBy(team)] as [Record<string, string>, number, (spend: Spend) => number],
      ),
    ]
    return caps.map(([labels, capUsd, spentOf]) =>
      burning(measured, calls, labels, capUsd, spentOf, burnRate),
    )
  },
  chart: ({ costUsd }) => costUsd,
}

function burning(
  { now, day, timezone }: Measured,
  { today, hour, quarter }: NonNullable<Measured['calls']>,
  labels: Record<string, string>,
  capUsd: number,
  spentOf: (spend: Spend) => number,
  { withinHours, minPercent }: { withinHours: number; minPercent: number },
): Measure {
  const spent = spentOf(today)
  const value = (100 * spent) / capUsd
  const perHour = Math.min(spentOf(hour), spentOf(quarter) * 4)
  const hitAt = perHour > 0 ? now + ((capUsd - spent) / perHour) * HOUR_MS : Number.POSITIVE_INFINITY
  const isActive =
    value >= minPercent && spent < capUsd && hitAt < day.endsAt && hitAt <= now + withinHours * HOUR_MS
  const who = labels.team === undefined ? 'All teams' : `Team ${labels.team}`
  const pace = `${formatValue(perHour, 'usd')} an hour`
  const text = isActive
    ? `${who}: at this pace (${pace}) the ${formatValue(capUsd, 'usd')} of today are spent at ${formatTime(hitAt, timezone)}.`
    : `${who}: ${formatValue(spent, 'usd')} of ${formatValue(capUsd, 'usd')} today, at ${pace}.`
  return { labels, isActive, value, threshold: 100, text }
}
