import { MOST_NANO, type NanoUsd } from '../core/money.ts'
import type { Rates } from '../core/pricing.ts'
import type { Usage } from '../core/usage.ts'

/**
 * What tokens cost at these rates and at this part of the standard price: the exact sum, rounded up once to a whole
 * billionth of a dollar. `undefined` where audio has no price.
 */
export function costOf(rates: Rates, usage: Usage, [part, whole]: [number, number]): NanoUsd | undefined {
  const { input, cachedInput, audioInput, output, audioOutput } = usage
  // A token is counted once: cached audio is billed as cached, and audio written to the cache as written.
  const writes = Math.min(usage.cacheWrite ?? 0, input - cachedInput)
  const audio = Math.min(audioInput, input - cachedInput - writes)
  if (audio > 0 && rates.audioInput === undefined) return undefined
  if (audioOutput > 0 && rates.audioOutput === undefined) return undefined
  const inFloats = costInFloats(rates, usage, writes, audio, part, whole)
  if (inFloats !== undefined) return inFloats
  const total =
    price(input - cachedInput - writes - audio, rates.input) +
    price(writes, rates.cacheWrite ?? rates.input) +
    price(cachedInput, rates.cachedInput) +
    price(audio, rates.audioInput ?? 0) +
    price(output - audioOutput, rates.output) +
    price(audioOutput, rates.audioOutput ?? 0)
  const unit = BigInt(whole) * UNITS_IN_NANO
  return Math.min(Number((total * BigInt(part) + unit - 1n) / unit), MOST_NANO) as NanoUsd
}

/** The same of ordinary calls without sound, where a float counts as exactly as a BigInt does. */
function costInFloats(
  rates: Rates,
  { input, cachedInput, output, audioOutput }: Usage,
  writes: number,
  audio: number,
  part: number,
  whole: number,
): NanoUsd | undefined {
  if (audio > 0 || audioOutput > 0) return undefined
  const fresh = positive(input - cachedInput - writes) * (rates.input * MILLIONTHS)
  const written = positive(writes) * ((rates.cacheWrite ?? rates.input) * MILLIONTHS)
  const cached = positive(cachedInput) * (rates.cachedInput * MILLIONTHS)
  const total = (fresh + written + cached + positive(output) * (rates.output * MILLIONTHS)) * part
  // Whole numbers that a float holds: then each term was one, since none is negative.
  const isExact =
    total <= Number.MAX_SAFE_INTEGER &&
    Number.isInteger(rates.input * MILLIONTHS) &&
    Number.isInteger((rates.cacheWrite ?? 0) * MILLIONTHS) &&
    Number.isInteger(rates.cachedInput * MILLIONTHS) &&
    Number.isInteger(rates.output * MILLIONTHS)
  if (!isExact) return undefined
  // A token at a millionth of a dollar per million tokens costs 10^-12 dollars, a thousandth of a billionth.
  const unit = whole * 1_000
  const rest = total % unit
  return ((total - rest) / unit + (rest > 0 ? 1 : 0)) as NanoUsd
}

const positive = (tokens: number) => (tokens <= 0 ? 0 : Math.ceil(tokens))
/** Decimals of a rate, in dollars per million tokens, that count. */
const RATE_DECIMALS = 12
/** A token costs so many units of 10^-18 dollars for each dollar per million tokens: 10^12. A billionth has 10^9. */
const UNITS_IN_NANO = 10n ** 9n

/** In units of 10^-18 dollars, in BigInt: they are more than a float can count. */
const price = (tokens: number, rate: number): bigint =>
  tokens <= 0 ? 0n : BigInt(Math.min(Math.ceil(tokens), Number.MAX_SAFE_INTEGER)) * exactly(rate)

/** Millionths of a rate are whole numbers, for every price that OpenAI prints. */
const MILLIONTHS = 1e6
const PER_MILLIONTH = 10n ** BigInt(RATE_DECIMALS - 6)

/** A rate as its digits say it, times 10^12: 0.1 is a tenth, and not the binary fraction next to it. */
function exactly(rate: number): bigint {
  const millionths = rate * MILLIONTHS
  if (Number.isSafeInteger(millionths)) return BigInt(millionths) * PER_MILLIONTH
  const [digits = '0', exponent = '0'] = rate.toExponential().split('e')
  const [whole = '0', fraction = ''] = digits.split('.')
  const shift = RATE_DECIMALS + Number(exponent) - fraction.length
  const number = BigInt(whole + fraction)
  if (shift >= 0) return number * 10n ** BigInt(shift)
  const divisor = 10n ** BigInt(-shift)
  return (number + divisor - 1n) / divisor
}
