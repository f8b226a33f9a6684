/** Integer billionths of a US dollar (nano-dollars): money never meets a float. */
export type NanoUsd = number & { readonly __unit: 'nUSD' }

/** Up to the next whole billionth, so that no budget is passed by rounding; without the dust of binary fractions. */
export function nanoUsd(usd: number): NanoUsd {
  const nano = usd * 1e9
  const whole = Math.round(nano)
  // Nearly always: a sum of whole billionths, and what a float adds to it.
  const isWhole = whole < 1e15 && Math.abs(nano - whole) <= whole * 2 * Number.EPSILON
  return (isWhole ? whole : Math.min(Math.ceil(Number(nano.toPrecision(15))), MOST_NANO)) as NanoUsd
}

/** Up to a million dollars, each billionth is another number, whose shortest decimal has no more than nine places. */
export const usd = (nano: NanoUsd): number => nano / 1e9

/** For headers: plain digits, never an exponent; six decimals, and up to nine where the amount has them. */
export function formatUsd(nano: NanoUsd): string {
  const decimals = `${nano % 1e9}`.padStart(9, '0')
  const length = nano % 1_000 === 0 ? 6 : nano % 100 === 0 ? 7 : nano % 10 === 0 ? 8 : 9
  return `${Math.floor(nano / 1e9)}.${decimals.slice(0, length)}`
}

/** Money is a whole number that a float holds exactly: no more than $9,007,199. A caller may claim any number of tokens. */
export const MOST_NANO = Number.MAX_SAFE_INTEGER
