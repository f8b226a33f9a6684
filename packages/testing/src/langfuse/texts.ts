import type { Json, JsonObject } from '../json.ts'

/** Whether every text in it is made of whole characters. PostgreSQL's `jsonb` refuses half of a surrogate pair. */
export function isWellFormed(json: Json): boolean {
  if (typeof json === 'string') return json.isWellFormed()
  if (typeof json !== 'object' || json === null) return true
  if (Array.isArray(json)) return json.every(isWellFormed)
  return Object.entries(json).every(([key, value]) => key.isWellFormed() && isWellFormed(value))
}

/** What 2.95.12 makes of an event before it stores it: PostgreSQL takes no NUL. */
export const withoutNul = (json: JsonObject): JsonObject =>
  JSON.parse(JSON.stringify(json), (_, value: unknown) =>
    typeof value === 'string' ? value.replaceAll('\0', '') : value,
  )
