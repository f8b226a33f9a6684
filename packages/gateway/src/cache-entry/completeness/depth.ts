import type { Json } from '../../core/json.ts'

/** Deepest answer that is stored, in levels: replaying it as a stream uses recursive functions. */
const MAX_DEPTH = 200

/** Whether an answer is nested too deeply to be replayed. Walks level by level, without recursion. */
export function isNested(json: Json): boolean {
  let level: Json[] = [json]
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) return true
    const next: Json[] = []
    for (const value of level)
      if (typeof value === 'object' && value !== null)
        for (const inner of Object.values(value))
          if (typeof inner === 'object' && inner !== null) next.push(inner)
    level = next
  }
  return false
}
