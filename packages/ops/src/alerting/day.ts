const MINUTE_MS = 60_000

const formats = new Map<string, Intl.DateTimeFormat>()

function formatFor(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-CA', {
      timeZone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    })
    formats.set(timeZone, format)
  }
  return format
}

/** Returns the local date as `YYYY-MM-DD` and the local time as `HH:MM`. */
export function localTime(at: number, timeZone: string): { date: string; time: string } {
  const parts = Object.fromEntries(
    formatFor(timeZone)
      .formatToParts(at)
      .map(({ type, value }) => [type, value]),
  )
  return {
    date: `${parts.year}-${parts.month}-${parts.day}`,
    time: `${parts.hour}:${parts.minute}`,
  }
}

/** A local day: `startsAt` inclusive, `endsAt` exclusive, in milliseconds since the epoch; `date` is `YYYY-MM-DD`. */
export type Day = Readonly<{ date: string; startsAt: number; endsAt: number }>

/** The day found last, by time zone: to find one takes 20 formatted dates, and a simulation asks for each minute of a week. */
const lastDays = new Map<string, Day>()

/**
 * Returns the local day. Days have 23 or 25 hours where daylight
 * saving time begins or ends, and begin at any minute.
 */
export function dayOf(at: number, timeZone: string): Day {
  const known = lastDays.get(timeZone)
  if (known !== undefined && known.startsAt <= at && at < known.endsAt) return known
  const { date } = localTime(at, timeZone)
  const minute = Math.floor(at / MINUTE_MS)
  const isSameDay = (candidate: number) => localTime(candidate * MINUTE_MS, timeZone).date === date
  const first = boundary(minute - 27 * 60, minute, isSameDay)
  const after = boundary(minute, minute + 27 * 60, (candidate) => !isSameDay(candidate))
  const day = { date, startsAt: first * MINUTE_MS, endsAt: after * MINUTE_MS }
  lastDays.set(timeZone, day)
  return day
}

/** Returns the first number for which `holds` is true, by bisection: false at `low`, true at `high`. */
function boundary(low: number, high: number, holds: (candidate: number) => boolean): number {
  let [before, from] = [low, high]
  while (from - before > 1) {
    const middle = Math.floor((before + from) / 2)
    if (holds(middle)) from = middle
    else before = middle
  }
  return from
}

export type QuietHours = { timezone: string; from: string; to: string }

/** Tells whether an instant is in quiet hours. `from` after `to` spans midnight; equal ones are no quiet hours. */
export function isQuietAt(at: number, hours: QuietHours | undefined): boolean {
  if (hours === undefined) return false
  const { time } = localTime(at, hours.timezone)
  const { from, to } = hours
  return from <= to ? from <= time && time < to : time >= from || time < to
}
