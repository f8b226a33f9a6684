import { LRUCache } from 'lru-cache'
import type { ParsedBody } from '../core/call.ts'
import { parseObject } from '../core/json.ts'
import { type Excess, excessOf } from '../util/json-limits.ts'
import type { ParsedText } from './preparsed.ts'

/** Result for a body that is not parsed: the limit it exceeds, or `undefined` if it is no JSON object. */
export type UnreadBody = { excess: Excess } | undefined

/** Bodies kept, least recently used first out. */
const MAX_BODIES = 128
/** Characters of a body that is kept. */
const MAX_LENGTH = 32_768
/** Slots of the table of hashes seen; a power of two. */
const HASHES = 256
/** Characters that enter a hash. */
const SAMPLES = 16

/**
 * Creates a parser that returns the same object for the same text, so that what stages memoise in it (keys, lengths) is
 * computed once. A body is kept from its second appearance on: most appear once, and keeping those costs more than it saves.
 */
export function createBodyParser() {
  const bodies = new LRUCache<string, ParsedBody>({ max: MAX_BODIES })
  const hashes = new Int32Array(HASHES)

  return function parse(source: string, preparsed?: ParsedText): ParsedBody | UnreadBody {
    const hash = sampleHash(source)
    const isNew = hashes[hash & (HASHES - 1)] !== hash
    const known = isNew ? undefined : bodies.get(source)
    if (known !== undefined) return known
    const isParsed = preparsed?.text === source
    const excess = isParsed ? undefined : excessOf(source)
    if (excess !== undefined) return { excess }
    const body = isParsed ? preparsed.json : parseObject(source)
    if (body === undefined) return undefined
    const parsed: ParsedBody = { body, questions: {} }
    if (isNew) hashes[hash & (HASHES - 1)] = hash
    else if (source.length <= MAX_LENGTH) bodies.set(source, parsed)
    return parsed
  }
}

/** Hashes the length and 16 characters of a text: enough to tell most new texts from repeated ones. */
function sampleHash(source: string): number {
  let hash = source.length
  for (let sample = 1; sample <= SAMPLES; sample += 1)
    hash = (hash * 31 + source.charCodeAt(Math.floor((source.length * sample) / (SAMPLES + 1)))) | 0
  return hash
}
