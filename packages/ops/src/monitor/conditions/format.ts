import type { Unit } from '../../alerting/alert.ts'
import { localTime } from '../../alerting/day.ts'

/** Formats a figure for people, e.g. `7.5 %`, `12 s`, `$1,104.20`, `1 call`. */
export function formatValue(value: number, unit: Unit): string {
  switch (unit) {
    case 'usd':
      return `${value < 0 ? '-' : ''}$${centsOf(Math.abs(value))}`
    case 'percent':
      return `${rounded(value)} %`
    case 'seconds':
      return `${rounded(value)} s`
    case 'state':
      return value === 0 ? 'good' : 'bad'
    default:
      return `${rounded(value)} ${value === 1 ? unit.slice(0, -1) : unit}`
  }
}

let cents: Intl.NumberFormat | undefined

/** Formats with two decimals. One formatter serves all: a simulated week formats a million amounts. */
function centsOf(value: number): string {
  cents ??= new Intl.NumberFormat('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })
  return cents.format(value)
}

const rounded = (value: number) =>
  (Math.abs(value) < 100 ? Math.round(value * 10) / 10 : Math.round(value)).toLocaleString('en-US')

/** Formats a duration in milliseconds, e.g. `40 s`, `12 min`, `3 h 5 min`, `2 days`. */
export function formatDuration(ms: number): string {
  const seconds = Math.round(ms / 1_000)
  if (seconds < 90) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours >= 48) return `${Math.round(hours / 24)} days`
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`
}

/** Formats an instant as `HH:MM` in a time zone, with the date where it is not the date of `now`. */
export function formatTime(at: number, timezone: string, now = at): string {
  const { date, time } = localTime(at, timezone)
  return date === localTime(now, timezone).date ? time : `${date} ${time}`
}
