/** Parses a number that is not negative; `undefined` for anything else, or nothing. */
export function nonNegativeNumber(text: string | null): number | undefined {
  const value = text === null || text.trim() === '' ? Number.NaN : Number(text)
  return Number.isFinite(value) && value >= 0 ? value : undefined
}

/**
 * Parses a `retry-after` header into milliseconds from `now` (milliseconds since the epoch): seconds, or an HTTP date,
 * where a past date is 0. Returns `undefined` for a value that is neither. Source: RFC 9110, section 10.2.3.
 */
export function retryAfterMs(text: string | null, now = Date.now()): number | undefined {
  const seconds = nonNegativeNumber(text)
  if (seconds !== undefined) return seconds * 1_000
  const date = Date.parse(text ?? '')
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}
