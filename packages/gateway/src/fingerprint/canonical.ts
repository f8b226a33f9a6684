import type { Json } from '../core/json.ts'

/** Deeper than any real request, and far below the limit of the stack. */
const MAX_DEPTH = 256

/** A number that a double cannot hold, kept as it was written. */
class ExactNumber {
  readonly source: string
  constructor(source: string) {
    this.source = source
  }
}

/** Matches numbers of 16 or more characters, or with an exponent. False matches inside strings cost only time. */
const MAY_BE_ROUNDED = /[\s:,[]-?(?:\d[\d.]{15}|[\d.]+e[+-]?\d)/i

/** Different decimals of at most this many digits have different doubles, unless they are subnormal. */
const EXACT_DIGITS = 15
const LEAST_EXACT = 2.3e-308

/** Whether no other number this short has the same double. */
function isExact(value: number, source: string): boolean {
  const [digits = ''] = source.toLowerCase().split('e')
  const significant = digits.replace(/[-.]/g, '').replace(/^0+/, '')
  if (significant === '') return true
  const size = Math.abs(value)
  return significant.length <= EXACT_DIGITS && size >= LEAST_EXACT && size < Number.POSITIVE_INFINITY
}

type Reviver = (this: unknown, key: string, value: unknown, context: { source?: string }) => unknown

/**
 * Serialises a value so that equal requests give equal texts: sorted keys, no white space. Keys below a JSON Schema's
 * `properties` keep their order: the model answers in that order, so it is part of the question.
 * @throws RangeError for a value nested more than `MAX_DEPTH` levels.
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

/** Prefixes a text with its length, which is faster than escaping it. */
export const lengthPrefixed = (text: string) =>
  text.isWellFormed() ? `${text.length}"${text}` : JSON.stringify(text)

/** Returns the body with numbers that `JSON.parse` would round kept as they were written. Most bodies have none. */
export function parseExactNumbers(text: string, parsed: Record<string, Json>): Record<string, unknown> {
  if (!MAY_BE_ROUNDED.test(text)) return parsed
  const revive: Reviver = (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && !isExact(value, source)
      ? new ExactNumber(source)
      : value
  return JSON.parse(text, revive as Parameters<typeof JSON.parse>[1]) as Record<string, unknown>
}
