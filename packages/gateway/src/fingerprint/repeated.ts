import type { Json, JsonObject } from '../core/json.ts'
import { closingQuote } from '../util/json-limits.ts'

/**
 * Whether a JSON text has an object with a member written twice. `JSON.parse` believes the last; a receiver of the text
 * may believe the first, so that its question is not known.
 *
 * @param parsed What `JSON.parse` made of the text.
 */
export function hasRepeated(text: string, parsed: JsonObject): boolean {
  return written(text) !== kept(parsed)
}

/** Members in a text: colons outside of strings. */
function written(text: string): number {
  let count = 0
  let quote = text.indexOf('"')
  while (quote !== -1) {
    const end = closingQuote(text, quote)
    quote = text.indexOf('"', end + 1)
    // A name is followed by a colon, a value by anything else.
    let after = end + 1
    while (isSpace(text.charCodeAt(after))) after += 1
    if (text.charCodeAt(after) === COLON) count += 1
  }
  return count
}

function kept(parsed: JsonObject): number {
  let count = 0
  const pending: (JsonObject | Json[])[] = [parsed]
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    const each = Array.isArray(value) ? value : Object.values(value)
    if (each !== value) count += each.length
    for (const item of each) if (typeof item === 'object' && item !== null) pending.push(item)
  }
  return count
}

const COLON = 0x3a
const isSpace = (code: number) => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09
