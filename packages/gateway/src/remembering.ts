import { LRUCache } from 'lru-cache'
import type { JsonObject } from './call.ts'

const MAX_BODIES = 256
const MAX_LENGTH = 32_768

/**
 * Gives the same object for the same text. Agents repeat themselves: those whose answers are cached do so by
 * definition, and what is worked out of a body need then not be worked out again. Bodies are never changed.
 */
export function remembering(parse: (source: string) => JsonObject | undefined) {
  const bodies = new LRUCache<string, JsonObject>({ max: MAX_BODIES })
  return function read(source: string): JsonObject | undefined {
    if (source.length > MAX_LENGTH) return parse(source)
    const known = bodies.get(source)
    if (known !== undefined) return known
    const body = parse(source)
    if (body !== undefined) bodies.set(source, body)
    return body
  }
}
