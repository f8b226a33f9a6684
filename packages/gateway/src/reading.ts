import type { JsonObject, Operation } from './call.ts'
import { parseObject } from './json.ts'

/** A body, and what has been worked out of it. Neither is ever changed by a stage. */
export type Reading = {
  body: JsonObject
  /** Digests of all that the body asks, as each operation understands it. Worked out when the cache needs them. */
  questions: Partial<Record<Operation, string>>
  /** The last keys made of it, and all else that they were made of. */
  keys?: { scope: string; keys: { exact: string; flight: string } }
}

const MAX_BODIES = 128
const MAX_LENGTH = 32_768

/**
 * Reads bodies, and gives the same reading for the same text. Agents repeat themselves, those whose answers are cached
 * by definition, and what was worked out of a body need then not be worked out again.
 */
export function createReader() {
  const readings = new Map<string, Reading>()
  return function read(source: string): Reading | undefined {
    const known = readings.get(source)
    if (known !== undefined) return known
    const body = parseObject(source)
    if (body === undefined) return undefined
    const reading: Reading = { body, questions: {} }
    if (source.length > MAX_LENGTH) return reading
    readings.set(source, reading)
    const [oldest] = readings.size > MAX_BODIES ? readings.keys() : []
    if (oldest !== undefined) readings.delete(oldest)
    return reading
  }
}
