import type { Json } from '../core/json.ts'

/** Deeper than any real request; far less deep than the stack. */
const MAX_DEPTH = 256

/** A number that a double cannot hold, as it was written. */
class ExactNumber {
  readonly source: string
  constructor(source: string) {
    this.source = source
  }
}

/** A number of 16 characters and more, or with an exponent. Also found in some strings, which costs time alone. */
const MAY_BE_ROUNDED = /[\s:,[]-?(?:\d[\d.]{15}|[\d.]+e[+-]?\d)/i

/** Doubles of different decimals differ up to so many digits, unless they are next to nothing. */
const EXACT_DIGITS = 15
const LEAST_EXACT = 2.3e-308

/** No other number as short as this one has the same double. */
function isExact(value: number, source: string): boolean {
  const [digits = ''] = source.toLowerCase().split('e')
  const significant = digits.replace(/[-.]/g, '').replace(/^0+/, '')
  if (significant === '') return true
  const size = Math.abs(value)
  return significant.length <= EXACT_DIGITS && size >= LEAST_EXACT && size < Number.POSITIVE_INFINITY
}

type Reviver = (this: unknown, key: string, value: unknown, context: { source?: string }) => unknown

/**
 * A text that equal requests have in common: keys sorted, white space gone. The order of keys below a JSON
 * Schema's `properties` stays: the model answers in that order, so it is part of the question.
 * @throws RangeError for a value nested too deeply to be anything but an attack.
 */
export function canonical(value: unknown, depth = 0, ordered = false): string {
  if (typeof value === 'string') return lengthPrefixed(value)
  if (typeof value !== 'object' || value === null) return `${value as number | boolean | null}`
  if (value instanceof ExactNumber) return value.source
  if (depth > MAX_DEPTH) throw new RangeError(`nested more than ${MAX_DEPTH} levels deep`)
  let written = ''
  if (Array.isArray(value)) {
    for (const item of value) written += `${canonical(item, depth + 1, ordered)},`
    return `[${written}]`
  }
  const members = value as Record<string, unknown>
  const keys = Object.keys(members)
  if (!ordered) keys.sort()
  for (const key of keys)
    written += `${lengthPrefixed(key)}:${canonical(members[key], depth + 1, ordered || key === 'properties')},`
  return `{${written}}`
}

/** Told apart by its length, which is found sooner than what JSON would have to escape. */
export const lengthPrefixed = (text: string) =>
  text.isWellFormed() ? `${text.length}"${text}` : JSON.stringify(text)

/**
 * The body again, but with numbers that `JSON.parse` would round kept apart, as they were written. Most bodies have none.
 */
export function parseExactNumbers(text: string, parsed: Record<string, Json>): Record<string, unknown> {
  if (!MAY_BE_ROUNDED.test(text)) return parsed
  const revive: Reviver = (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && !isExact(value, source)
      ? new ExactNumber(source)
      : value
  return JSON.parse(text, revive as Parameters<typeof JSON.parse>[1]) as Record<string, unknown>
}
