import type { ParsedBody } from '../core/call.ts'
import { parseObject } from '../core/json.ts'
import { type Excess, excessOf } from '../util/json-limits.ts'
import type { ParsedText } from './preparsed.ts'

/** Result for a body that is not parsed: the limit it exceeds, or `undefined` if it is no JSON object. */
export type UnreadBody = { excess: Excess } | undefined

/** Slots of the table of bodies seen; a power of two. */
const SLOTS = 256
/** Characters of a body that is kept. */
const MAX_LENGTH = 32_768
/** Characters that enter a hash from all over a text, and from its end, where questions of one form differ. */
const SAMPLES = 16
const LAST = 24

/** The text seen last with its hash; parsed, if it was seen twice. */
type Slot = { hash: number; source?: string; parsed?: ParsedBody }

/**
 * Creates a parser that returns the same object for the same text, so that what stages memoise in it (keys, lengths) is
 * computed once. A body is kept from its second appearance on: most appear once, and keeping those costs more than it saves.
 * A slot holds one body: to compare it takes a tenth of the time that a map needs to hash a long text.
 */
export function createBodyParser() {
  const slots: (Slot | undefined)[] = new Array<undefined>(SLOTS).fill(undefined)

  return function parse(source: string, preparsed?: ParsedText): ParsedBody | UnreadBody {
    const hash = sampleHash(source)
    const slot = slots[hash & (SLOTS - 1)]
    const isNew = slot?.hash !== hash
    if (slot?.parsed !== undefined && slot.source === source) return slot.parsed
    const isParsed = preparsed?.text === source
    const excess = isParsed ? undefined : excessOf(source)
    if (excess !== undefined) return { excess }
    const body = isParsed ? preparsed.json : parseObject(source)
    if (body === undefined) return undefined
    const parsed: ParsedBody = { body }
    if (isNew) slots[hash & (SLOTS - 1)] = { hash }
    else if (source.length <= MAX_LENGTH) slots[hash & (SLOTS - 1)] = { hash, source, parsed }
    return parsed
  }
}

/** Hashes the length and some characters of a text: enough to tell most new texts from repeated ones. */
function sampleHash(source: string): number {
  const { length } = source
  let hash = length
  for (let sample = 1; sample <= SAMPLES; sample += 1)
    hash = (hash * 31 + source.charCodeAt(Math.floor((length * sample) / (SAMPLES + 1)))) | 0
  for (let at = Math.max(0, length - LAST); at < length; at += 1)
    hash = (hash * 31 + source.charCodeAt(at)) | 0
  return hash
}
