/** Formats dollars for people: cents, or two digits of an amount below one cent. */
export function dollars(usd: number): string {
  const amount = Math.abs(usd)
  const digits = amount === 0 || amount >= 0.01 ? 2 : Math.min(9, 1 - Math.floor(Math.log10(amount)))
  const text = amount.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  })
  return `${usd < 0 && amount > 0 ? '-' : ''}$${text}`
}

/** Formats dollars in a narrow column: always cents. */
export const cents = (usd: number): string =>
  usd > 0 && usd < 0.005 ? '<$0.01' : dollars(Math.round(usd * 100) / 100)

/** The same as `dollars`, without cents where there are none. */
export const roundDollars = (usd: number): string => dollars(usd).replace(/\.00$/, '')

/** Formats a share from 0 to 1 as percent, with one decimal, and never as 100 % where it is less. */
export const percentOf = (share: number): string => percent(100 * share)

/** Formats percent with one decimal; with two above 99 %, where they matter, rounded down. */
export function percent(value: number): string {
  if (value > 99 && value < 100) return `${(Math.floor(value * 100) / 100).toFixed(2)} %`
  return `${value.toFixed(1)} %`
}

/** Formats milliseconds, e.g. `350 ms`, `1.80 s`, `12.4 s`: three digits, so that the values of a column are as exact. */
export function milliseconds(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`
  const seconds = ms / 1_000
  const digits = seconds < 9.995 ? 2 : seconds < 99.95 ? 1 : 0
  return `${seconds.toFixed(digits)} s`
}

export const whole = (count: number): string => Math.round(count).toLocaleString('en-US')

/** Formats a large count with three digits, e.g. `1.23 M`. */
export function short(count: number): string {
  for (const [size, unit] of [
    [1e12, 'T'],
    [1e9, 'G'],
    [1e6, 'M'],
    [1e4, 'k'],
  ] as const)
    if (count >= size) {
      const scale = unit === 'k' ? 1_000 : size
      return `${Number((count / scale).toPrecision(3))} ${unit}`
    }
  return whole(count)
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** Formats `2026-11-23` as `23 Nov`. */
export const shortDate = (date: string): string =>
  `${Number(date.slice(8, 10))} ${MONTHS[Number(date.slice(5, 7)) - 1] ?? ''}`

/** Formats `2026-11` as `Nov 2026`. */
export const monthName = (month: string): string =>
  `${MONTHS[Number(month.slice(5, 7)) - 1] ?? ''} ${month.slice(0, 4)}`

/** Replaces control and format characters by `?`: terminals execute escape sequences in names, which callers choose. */
export const printable = (text: string): string => text.replace(/\p{C}/gu, '?')

/** Formats bytes in units of 1,024. */
export function bytes(value: number): string {
  const [unit, size] = value < 1_048_576 ? (['KiB', 1_024] as const) : (['MiB', 1_048_576] as const)
  return value < 1_024 ? `${value} B` : `${(value / size).toFixed(1)} ${unit}`
}

/** Formats a time span: seconds, minutes, hours or days. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`
}

/** Formats a number with its noun: `1 call`, `1,200 calls`. @param plural where it is not the noun with an s */
export const counted = (value: number, noun: string, plural = `${noun}s`): string =>
  `${whole(value)} ${value === 1 ? noun : plural}`
