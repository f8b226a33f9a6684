import { type Day, dayOf, localTime } from '../alerting/day.ts'
import { UsageError } from '../core/command.ts'

export type Range = {
  days: [Day, ...Day[]]
  /** Start of the first day. */
  since: number
  /** End of the last day, or now, where that is earlier. */
  until: number
}

const DEFAULT_DAYS = 7
const MAX_DAYS = 92
const HOUR_MS = 3_600_000

/**
 * Returns the days from `from` to `to`, both inclusive. Default: seven days, up to today.
 *
 * @throws UsageError where one is no date, the first day has not begun, or there are more than 92 days
 */
export function parseRange(
  { from, to }: { from?: string | undefined; to?: string | undefined },
  timezone: string,
  now: number,
): Range {
  const last = to === undefined ? dayOf(now, timezone) : dayNamed('--to', to, timezone)
  const first =
    from === undefined ? daysBefore(last, DEFAULT_DAYS - 1, timezone) : dayNamed('--from', from, timezone)
  if (first.startsAt > last.startsAt)
    throw new UsageError(
      `--from ${first.date} is after --to ${last.date}: --to is the last day of the report.`,
    )
  if (first.startsAt > now)
    throw new UsageError(`${first.date} has not begun yet (${timezone}): --from must be today or earlier.`)
  const days: [Day, ...Day[]] = [first]
  for (let day = first; day.endsAt <= Math.min(last.startsAt, now); ) {
    if (days.length === MAX_DAYS)
      throw new UsageError(
        `From ${first.date} to ${last.date} is more than ${MAX_DAYS} days, the longest report.`,
      )
    day = dayOf(day.endsAt, timezone)
    days.push(day)
  }
  return { days, since: first.startsAt, until: Math.min(days.at(-1)?.endsAt ?? now, now) }
}

function daysBefore(day: Day, count: number, timezone: string): Day {
  let earlier = day
  for (let left = count; left > 0; left -= 1) earlier = dayOf(earlier.startsAt - 1, timezone)
  return earlier
}

/** @throws UsageError where the text is no date, or no day of the time zone */
function dayNamed(option: string, text: string, timezone: string): Day {
  const day = isDate(text) ? dayOfDate(text, timezone) : undefined
  if (day === undefined) throw new UsageError(`${option} ${text}: must be a date such as 2026-11-23.`)
  return day
}

/** Tells whether a text is a date of the calendar, as `YYYY-MM-DD`, from 1970 to 9998. */
function isDate(text: string): boolean {
  const at = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN
  const year = Number(text.slice(0, 4))
  // Date.parse takes 2026-02-30 for a day of March.
  return new Date(at || 0).toISOString().startsWith(text) && year >= 1970 && year < 9999
}

/** Returns the day of a date; `undefined` where the time zone has left it out. */
export function dayOfDate(date: string, timezone: string): Day | undefined {
  const noon = Date.parse(`${date}T12:00:00Z`)
  const at = [noon, noon - 12 * HOUR_MS, noon + 12 * HOUR_MS].find(
    (candidate) => localTime(candidate, timezone).date === date,
  )
  return at === undefined ? undefined : dayOf(at, timezone)
}
