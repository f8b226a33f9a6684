import { isObject, isSet, type Json, type JsonObject, list, object, text } from '../../core/json.ts'
import type { Operation } from '../../core/operation.ts'

/** The one text of a request that is compared by meaning, and the request without it, which must be equal. */
export type Query = { text: string; rest: JsonObject }

/** Part of every partition: vectors of texts that were prepared otherwise are not comparable. */
export const PREPARATION = 'nfc-1'

/** Longer texts share too much with each other for their difference to show in a vector. */
const MAX_CHARS = 1_000
const MIN_WORDS = 2

const SETTING = new Set(['system', 'developer'])
/** Stands where the question was. */
const GAP = null

/**
 * Finds the question of a request that has one turn, of text; anything else cannot be answered by meaning.
 * Returns the reason as a word where there is none.
 */
export function extractQuery(operation: Operation, body: JsonObject): Query | string {
  if (operation === 'chat') return inItems(body, 'messages')
  if (operation !== 'responses') return 'operation'
  if (typeof body.input === 'string') return checked(body.input, { ...body, input: GAP })
  return inItems(body, 'input')
}

function inItems(body: JsonObject, name: 'messages' | 'input'): Query | string {
  const items = list(body[name])
  const last = items.at(-1)
  if (!isObject(last) || last.role !== 'user') return 'multi-turn'
  const before = items.slice(0, -1)
  if (!before.every((item) => SETTING.has(text(object(item).role)))) return 'multi-turn'
  const content = contentOf(last.content)
  if (content === undefined) return 'not-text'
  return checked(content, { ...body, [name]: [...before, { ...last, content: GAP }] })
}

/** A text, or one part that is a text. */
function contentOf(content: Json | undefined): string | undefined {
  if (typeof content === 'string') return content
  const [part, ...more] = list(content)
  if (!isObject(part) || more.length > 0 || !isSet(part.text)) return undefined
  const only = part.type === 'text' || part.type === 'input_text'
  return only && Object.keys(part).length === 2 && typeof part.text === 'string' ? part.text : undefined
}

function checked(question: string, rest: JsonObject): Query | string {
  const prepared = prepare(question)
  if (prepared.length > MAX_CHARS) return 'too-long'
  if (!prepared.isWellFormed()) return 'not-text'
  return prepared.split(' ').length < MIN_WORDS ? 'too-short' : { text: prepared, rest }
}

/** What does not change a question does not change its vector. */
const prepare = (question: string) => question.normalize('NFC').replace(/\s+/g, ' ').trim()
