import type { Unit } from '../../alerting/alert.ts'
import { localTime } from '../../alerting/day.ts'

/** Formats a figure for people, e.g. `7.5 %`, `12 s`, `$104.20`. */
export function formatValue(value: number, unit: Unit): string {
  switch (unit) {
    case 'usd':
      return `$${value.toFixed(2)}`
    case 'percent':
      return `${round(value)} %`
    case 'seconds':
      return `${round(value)} s`
    case 'state':
      return value === 0 ? 'good' : 'bad'
    default:
      return `${round(value).toLocaleString('en-US')} ${unit}`
  }
}

const round = (value: number) => (Math.abs(value) < 100 ? Math.round(value * 10) / 10 : Math.round(value))

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
