/** Integer billionths of a US dollar (nano-dollars): money is never a float. */
export type NanoUsd = number & { readonly __unit: 'nUSD' }

/** Rounds up to the next whole billionth, so that rounding never exceeds a budget; ignores binary rounding errors. */
export function nanoUsd(usd: number): NanoUsd {
  const nano = usd * 1e9
  const whole = Math.round(nano)
  // The usual case: a sum of whole billionths plus the rounding error of floats.
  const isWhole = whole < 1e15 && Math.abs(nano - whole) <= whole * 2 * Number.EPSILON
  return (isWhole ? whole : Math.min(Math.ceil(Number(nano.toPrecision(15))), MAX_NANO_USD)) as NanoUsd
}

/** Up to a million dollars, distinct amounts stay distinct, with at most nine decimals. */
export const usd = (nano: NanoUsd): number => nano / 1e9

/** Formats for headers: digits without exponent, six to nine decimals. */
export function formatUsd(nano: NanoUsd): string {
  if (nano === 0) return '0.000000'
  const decimals = `${nano % 1e9}`.padStart(9, '0')
  const length = nano % 1_000 === 0 ? 6 : nano % 100 === 0 ? 7 : nano % 10 === 0 ? 8 : 9
  return `${Math.floor(nano / 1e9)}.${decimals.slice(0, length)}`
}

/** Largest amount that a float holds exactly: $9,007,199. A caller may claim any number of tokens. */
export const MAX_NANO_USD = Number.MAX_SAFE_INTEGER
