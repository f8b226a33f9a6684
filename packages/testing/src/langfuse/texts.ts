import type { Json, JsonObject } from '../core/json.ts'

const HALF = 'holds half a character, a lone surrogate'
const NUL = 'holds a NUL'

/** What PostgreSQL finds wrong with a text in it: it has no NUL, and its `jsonb` refuses half of a surrogate pair. */
export function textProblems(json: Json): string[] {
  const found = new Set<string>()
  JSON.stringify(json, (key, value: Json) => {
    for (const text of typeof value === 'string' ? [key, value] : [key]) {
      if (!text.isWellFormed()) found.add(HALF)
      if (text.includes('\0')) found.add(NUL)
    }
    return value
  })
  return [...found]
}

/** What 2.95.12 makes of an event before it stores it: PostgreSQL takes no NUL. */
export const withoutNul = (json: JsonObject): JsonObject =>
  JSON.parse(JSON.stringify(json), (_, value: unknown) =>
    typeof value === 'string' ? value.replaceAll('\0', '') : value,
  )
