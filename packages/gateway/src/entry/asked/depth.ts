import type { Json } from '../../core/json.ts'

/** Levels of the deepest answer that is kept: a stream of it is made by functions that call themselves. */
const MOST_LEVELS = 200

/** Whether an answer is nested deeper than it could be given again. Level by level, so that its own depth harms nothing. */
export function isNested(json: Json): boolean {
  let level: Json[] = [json]
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MOST_LEVELS) return true
    const next: Json[] = []
    for (const value of level)
      if (typeof value === 'object' && value !== null)
        for (const inner of Object.values(value))
          if (typeof inner === 'object' && inner !== null) next.push(inner)
    level = next
  }
  return false
}
