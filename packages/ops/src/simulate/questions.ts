import type { Row } from './row.ts'

/** Milliseconds by which the age of a hit may disagree with the end of the call that stored its answer. */
const TOLERANCE_MS = 2_000
/** Answers of one kind that are kept to be found again. */
const MAX_ORIGINS = 10_000

type Origin = { storedAt: number; question: string }

/**
 * Returns for each row a name of its question, which no other question has. Rows of `llm_usage` have none, so a hit is joined
 * by its age to the call whose answer it repeats: one of the same operation, model and tokens that ended when the answer was
 * stored. Agents of a team share answers; another team's call is looked at where the own team has none. What is not joined
 * counts as asked once.
 */
export function questionsOf(rows: readonly Row[]): (string | undefined)[] {
  const origins = new Map<string, Origin[]>()
  let names = 0
  const nextName = () => {
    names += 1
    return `row ${names}`
  }

  return rows.map((row) => {
    if (row.question !== undefined) return `asked ${row.question}`
    if (row.input_tokens === undefined) return undefined
    const { team, operation = 'chat', model, input_tokens, output_tokens } = row
    const kinds = [team, null].map((owner) =>
      JSON.stringify([owner, operation, model, input_tokens, output_tokens]),
    )
    const isRepeated = row.cache === 'exact' || row.cache === 'stale' || row.cache === 'flight'
    const storedAt = isRepeated ? row.at - (row.age_ms ?? 0) : row.at + (row.latency_ms ?? 0)
    if (isRepeated) {
      const later = row.cache === 'flight' ? (row.latency_ms ?? 0) : 0
      for (const kind of kinds) {
        const origin = nearest(origins.get(kind) ?? [], storedAt, later)
        if (origin !== undefined) return origin.question
      }
    }
    const question = nextName()
    for (const kind of kinds) {
      const known = origins.get(kind) ?? []
      known.push({ storedAt, question })
      if (known.length > MAX_ORIGINS) known.shift()
      origins.set(kind, known)
    }
    return question
  })
}

/** @param later Milliseconds after which a call under way may have stored its answer. */
function nearest(known: readonly Origin[], storedAt: number, later: number): Origin | undefined {
  let best: Origin | undefined
  for (const origin of known) {
    const distance = origin.storedAt - storedAt
    if (distance < -TOLERANCE_MS || distance > TOLERANCE_MS + later) continue
    if (best === undefined || Math.abs(distance) < Math.abs(best.storedAt - storedAt)) best = origin
  }
  return best
}
