import type { Json, JsonObject } from '../core/json.ts'

const LONE_SURROGATE = 'holds half a character, a lone surrogate'
const NUL = 'holds a NUL'

/** Returns the problems that PostgreSQL has with texts: it stores no NUL, and its `jsonb` no lone surrogate. */
export function textProblems(json: Json): string[] {
  const found = new Set<string>()
  JSON.stringify(json, (key, value: Json) => {
    for (const text of typeof value === 'string' ? [key, value] : [key]) {
      if (!text.isWellFormed()) found.add(LONE_SURROGATE)
      if (text.includes('\0')) found.add(NUL)
    }
    return value
  })
  return [...found]
}

/** Removes NULs from all strings, as 2.95.12 does before it stores an event in PostgreSQL. */
export const withoutNul = (json: JsonObject): JsonObject =>
  JSON.parse(JSON.stringify(json), (_, value: unknown) =>
    typeof value === 'string' ? value.replaceAll('\0', '') : value,
  )
