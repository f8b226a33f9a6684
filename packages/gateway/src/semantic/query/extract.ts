import { isObject, isSet, type Json, type JsonObject, list, object, text } from '../../core/json.ts'
import type { Operation } from '../../core/operation.ts'
import { OPERATIONS } from '../../operations/operations.ts'
import { legible } from '../guards/spelling.ts'

/** The text compared by similarity, and the rest of the request, which must be equal. */
export type Query = { text: string; rest: JsonObject }

/**
 * Version of the text normalisation. Part of every partition: vectors of differently normalised texts are not
 * comparable.
 */
export const NORMALISATION = 'nfkc-2'

/** Longest question in characters: vectors of longer texts hardly show a difference. */
const MAX_CHARS = 1_000

const INSTRUCTION_ROLES = new Set(['system', 'developer'])
/** Replaces the question in `rest`. */
const PLACEHOLDER = null

/**
 * Extracts the question of a request with a single turn of text. Any other request is not looked up: returns the
 * reason as a word.
 */
export function extractQuery(operation: Operation, body: JsonObject): Query | string {
  const { kind, member } = OPERATIONS[operation].input
  if (kind !== 'turns') return 'operation'
  if (member === 'input' && typeof body.input === 'string')
    return validated(body.input, { ...body, input: PLACEHOLDER })
  return inItems(body, member)
}

function inItems(body: JsonObject, name: string): Query | string {
  const items = list(body[name])
  const last = items.at(-1)
  if (!isObject(last) || last.role !== 'user') return 'multi-turn'
  const before = items.slice(0, -1)
  if (!before.every((item) => INSTRUCTION_ROLES.has(text(object(item).role)))) return 'multi-turn'
  const content = contentOf(last.content)
  if (content === undefined) return 'not-text'
  return validated(content, { ...body, [name]: [...before, { ...last, content: PLACEHOLDER }] })
}

/** Returns a string content, or that of a single text part. */
function contentOf(content: Json | undefined): string | undefined {
  if (typeof content === 'string') return content
  const [part, ...more] = list(content)
  if (!isObject(part) || more.length > 0 || !isSet(part.text)) return undefined
  const only = part.type === 'text' || part.type === 'input_text'
  return only && Object.keys(part).length === 2 && typeof part.text === 'string' ? part.text : undefined
}

function validated(question: string, rest: JsonObject): Query | string {
  const prepared = normaliseText(question)
  if (prepared.length > MAX_CHARS) return 'too-long'
  if (!prepared.isWellFormed()) return 'not-text'
  return prepared.includes(' ') ? { text: prepared, rest } : 'too-short'
}

/** Removes differences that do not change a question, so that its vector stays the same. */
function normaliseText(question: string): string {
  const text = legible(question)
  // Replacing each of a few hundred single blanks by itself takes as long as the rest of the lookup.
  return (UNUSUAL_BLANK.test(text) ? text.replace(/\s+/g, ' ') : text).trim()
}

/** White space other than a single blank. */
const UNUSUAL_BLANK = /[^\S ]|\s\s/
