import { dayOf } from '../day.ts'

/** UTC offsets of a time zone, for scripts that have no calendar. */
export type Zone = {
  /** Current offset from UTC, in milliseconds. */
  before: number
  /** Time of its next change, in milliseconds since the epoch; `NEVER` if not within two days. */
  changes: number
  after: number
}

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const NEVER = 9e15
const UTC: Zone = { before: 0, changes: NEVER, after: 0 }

/** Returns the zone's offset at a moment, and its next change. */
export function zoneAt(now: number, timezone: string): Zone {
  if (timezone === 'UTC') return UTC
  const before = offsetAt(now, timezone)
  const after = offsetAt(now + 2 * DAY_MS, timezone)
  if (before === after) return { before, changes: NEVER, after }
  let [unchanged, changed] = [now, now + 2 * DAY_MS]
  while (changed - unchanged > 1) {
    const middle = Math.floor((unchanged + changed) / 2)
    if (offsetAt(middle, timezone) === before) unchanged = middle
    else changed = middle
  }
  return { before, changes: changed, after }
}

/** Returns the number of days since 1970-01-01 in a zone. */
export const dayNumber = (now: number, { before, changes, after }: Zone) =>
  Math.floor((now + (now < changes ? before : after)) / DAY_MS)

/** Creates a cached `zoneAt`, refreshed hourly: near a change of clocks it formats some 50 dates. */
export function createZones(): (now: number, timezone: string) => Zone {
  const known = new Map<string, { zone: Zone; from: number }>()
  return (now, timezone) => {
    const found = known.get(timezone)
    if (found && now >= found.from && now < found.from + HOUR_MS) return found.zone
    const zone = zoneAt(now, timezone)
    known.set(timezone, { zone, from: now })
    return zone
  }
}

const formatters = new Map<string, Intl.DateTimeFormat>()

function offsetAt(now: number, timezone: string): number {
  let formatter = formatters.get(timezone)
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat('sv-SE', { timeZone: timezone, timeStyle: 'medium' })
    formatters.set(timezone, formatter)
  }
  const local = Date.parse(`${dayOf(now, timezone)}T${formatter.format(now)}Z`)
  return local - Math.floor(now / 1_000) * 1_000
}
