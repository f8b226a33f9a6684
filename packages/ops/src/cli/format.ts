/** Formats US dollars: cents, or as many decimals as a small amount needs. */
export const dollars = (usd: number): string =>
  `$${usd === 0 || Math.abs(usd) >= 0.01 ? usd.toFixed(2) : Number(usd.toPrecision(2)).toFixed(9).replace(/0+$/, '')}`

/** Formats a number with separators of thousands. */
export const count = (value: number): string => value.toLocaleString('en-US')

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
