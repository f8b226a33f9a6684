import type { Json, JsonObject } from '../core/json.ts'
import { closingQuote } from '../util/json-limits.ts'

/**
 * Whether an object in a JSON text has the same member twice. `JSON.parse` takes the last; upstream may take the
 * first, so that the question is ambiguous.
 * @param parsed The result of `JSON.parse` for the text.
 */
export function hasRepeated(text: string, parsed: JsonObject): boolean {
  return membersInText(text) !== membersInValue(parsed)
}

/** Counts members in a text: colons outside of strings. */
function membersInText(text: string): number {
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

function membersInValue(parsed: JsonObject): number {
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
