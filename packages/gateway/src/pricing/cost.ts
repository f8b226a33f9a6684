import { MAX_NANO_USD, type NanoUsd } from '../core/money.ts'
import type { Rates } from '../core/pricing.ts'
import type { Usage } from '../core/usage.ts'

/**
 * Returns the cost of tokens at these rates, times the fraction `part`/`whole` of the standard price: the exact sum,
 * rounded up once to a whole billionth of a dollar. `undefined` if audio was used and has no price.
 */
export function costOf(rates: Rates, usage: Usage, [part, whole]: [number, number]): NanoUsd | undefined {
  const { input, cachedInput, audioInput, output, audioOutput } = usage
  // Each token is counted once: cached audio is billed as cached, and audio written to the cache as written.
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
  return Math.min(Number((total * BigInt(part) + unit - 1n) / unit), MAX_NANO_USD) as NanoUsd
}

/** The same in floats, for ordinary calls without audio. `undefined` where floats would not be exact. */
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
  // The sum is below 2^53 and no term is negative, so each term was exact, too.
  const isExact =
    total <= Number.MAX_SAFE_INTEGER &&
    Number.isInteger(rates.input * MILLIONTHS) &&
    Number.isInteger((rates.cacheWrite ?? 0) * MILLIONTHS) &&
    Number.isInteger(rates.cachedInput * MILLIONTHS) &&
    Number.isInteger(rates.output * MILLIONTHS)
  if (!isExact) return undefined
  // One token at a millionth of a dollar per million tokens costs 10^-12 dollars: a thousandth of a billionth.
  const unit = whole * 1_000
  const rest = total % unit
  return ((total - rest) / unit + (rest > 0 ? 1 : 0)) as NanoUsd
}

const positive = (tokens: number) => (tokens <= 0 ? 0 : Math.ceil(tokens))
/** Decimals of a rate that count, in dollars per million tokens. */
const RATE_DECIMALS = 12
/** Prices are computed in units of 10^-18 dollars; a billionth has 10^9 of them. */
const UNITS_IN_NANO = 10n ** 9n

/** In units of 10^-18 dollars, as BigInt: a float cannot hold them. */
const price = (tokens: number, rate: number): bigint =>
  tokens <= 0 ? 0n : BigInt(Math.min(Math.ceil(tokens), Number.MAX_SAFE_INTEGER)) * scaledRate(rate)

/** Every price that OpenAI prints is a whole number of millionths. */
const MILLIONTHS = 1e6
const PER_MILLIONTH = 10n ** BigInt(RATE_DECIMALS - 6)

/** Returns a rate times 10^12 by its decimal digits: 0.1 is one tenth, not the nearest binary fraction. */
function scaledRate(rate: number): bigint {
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
