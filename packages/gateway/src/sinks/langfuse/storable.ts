import { isObject, type Json } from '../../core/json.ts'

/** In JSON: a NUL, or half of a surrogate pair. Whole pairs are written as they are. */
const SUSPECT = /\\u(?:0000|d[89a-f])/

/**
 * Without NULs and halves of characters, in keys as well. Postgres keeps neither: v2 refuses or mends such an event, and
 * v4 answers 200 and loses it. `text`: the same as JSON, where that is known already.
 */
export function storable<T extends Json>(json: T, text = JSON.stringify(json)): T {
  return SUSPECT.test(text) ? (mended(json) as T) : json
}

function mended(json: Json): Json {
  if (typeof json === 'string') return storableText(json)
  if (Array.isArray(json)) return json.map(mended)
  if (!isObject(json)) return json
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [storableText(key), mended(value)]))
}

export const storableText = (text: string): string => text.replaceAll('\0', '').toWellFormed()
