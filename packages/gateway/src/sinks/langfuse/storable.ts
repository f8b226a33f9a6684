import { isObject, type Json } from '../../core/json.ts'

/** Escapes in JSON of a NUL or a lone surrogate; surrogate pairs are not escaped. */
const SUSPECT = /\\u(?:0000|d[89a-f])/

/**
 * Removes NULs and lone surrogates from values and keys. Postgres stores neither: v2 rejects or repairs such an event,
 * v4 answers 200 and loses it. `text`: the value as JSON, if already known.
 */
export function storable<T extends Json>(json: T, text = JSON.stringify(json)): T {
  return SUSPECT.test(text) ? (cleaned(json) as T) : json
}

function cleaned(json: Json): Json {
  if (typeof json === 'string') return storableText(json)
  if (Array.isArray(json)) return json.map(cleaned)
  if (!isObject(json)) return json
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [storableText(key), cleaned(value)]))
}

export const storableText = (text: string): string => text.replaceAll('\0', '').toWellFormed()
