import { UsageError } from '../core/command.ts'

const UNITS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 }
const MAX_DAYS = 35

/** Parses a duration such as `30m`, `2h` or `1d` to milliseconds. @throws UsageError for any other text */
export function parseDuration(text: string | undefined): number {
  const [, count = '', unit = ''] = /^(\d{1,4})([mhd])$/.exec(text ?? '') ?? []
  const ms = Number(count) * (UNITS[unit] ?? 0)
  if (ms > 0 && ms <= MAX_DAYS * 86_400_000) return ms
  throw new UsageError(`--for must be a duration such as 30m, 2h or 1d, of ${MAX_DAYS} days at most.`)
}
