import type { Json } from '../call.ts'

/** Deeper than any real request; far less deep than the stack. */
const MAX_DEPTH = 256

/** A number that a double cannot hold, as it was written. */
class ExactNumber {
  readonly source: string
  constructor(source: string) {
    this.source = source
  }
}

type Reviver = (this: unknown, key: string, value: unknown, context: { source?: string }) => unknown

/**
 * JSON in which equal requests are equal texts: keys sorted, white space gone. The order of keys below a JSON
 * Schema's `properties` stays: the model answers in that order, so it is part of the question.
 * @throws RangeError for a value nested too deeply to be anything but an attack.
 */
export function canonical(value: unknown, depth = 0, ordered = false): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (value instanceof ExactNumber) return value.source
  if (typeof value !== 'object' || value === null) return String(value)
  if (depth > MAX_DEPTH) throw new RangeError(`nested more than ${MAX_DEPTH} levels deep`)
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item, depth + 1, ordered)).join()}]`
  const keys = Object.keys(value)
  if (!ordered) keys.sort()
  const members = keys.map((key) => {
    const member = (value as Record<string, unknown>)[key]
    return `${JSON.stringify(key)}:${canonical(member, depth + 1, ordered || key === 'properties')}`
  })
  return `{${members.join()}}`
}

/** The body again, but with numbers that `JSON.parse` would round kept apart. Most bodies have none. */
export function exactly(text: string, parsed: Record<string, Json>): Record<string, unknown> {
  if (!/\d{16}/.test(text)) return parsed
  const revive: Reviver = (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && /\d{16}/.test(source)
      ? new ExactNumber(source)
      : value
  return JSON.parse(text, revive as Parameters<typeof JSON.parse>[1]) as Record<string, unknown>
}
