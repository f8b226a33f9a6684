import { WINDOW_MS } from './limits.ts'

export const DAY_MS = WINDOW_MS.day
const formatters = new Map<string, Intl.DateTimeFormat>()

let utc = { number: Number.NaN, name: '' }

/** Returns the calendar day of a moment in a time zone, as YYYY-MM-DD. */
export function dayOf(now: number, timezone: string): string {
  if (timezone === 'UTC') {
    const number = Math.floor(now / DAY_MS)
    if (number !== utc.number) utc = { number, name: new Date(now).toISOString().slice(0, 10) }
    return utc.name
  }
  let formatter = formatters.get(timezone)
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat('sv-SE', { timeZone: timezone, dateStyle: 'short' })
    formatters.set(timezone, formatter)
  }
  return formatter.format(now)
}

/** Returns the milliseconds until the day ends in a time zone. Days of 23 and 25 hours are taken into account. */
export function untilDayEnds(now: number, timezone: string): number {
  if (timezone === 'UTC') return DAY_MS - (now % DAY_MS)
  const today = dayOf(now, timezone)
  let [stillToday, tomorrow] = [now, now + 26 * 3_600_000]
  while (tomorrow - stillToday > 1) {
    const middle = Math.floor((stillToday + tomorrow) / 2)
    if (dayOf(middle, timezone) === today) stillToday = middle
    else tomorrow = middle
  }
  return tomorrow - now
}
