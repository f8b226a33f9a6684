/** One line of a file for `llm-gateway monitor --simulate`. */
export type Line = {
  at: string
  team: string
  calls: number
  errors: number
  costUsd: number
  latencyMs: Record<string, number>
}

/** A time of trouble: `share` of the calls fail or are slow. `from`: minutes since the start. */
export type Span = { kind: 'errors' | 'slow'; from: number; minutes: number; share: number }

const START = Date.parse('2026-11-02T00:00:00Z')
const WEEK_MINUTES = 7 * 24 * 60

/**
 * Returns a week of calls: many by day and few by night, 1 % failures that come singly, some slow calls, minutes without any
 * calls, and the given times of trouble.
 */
export function week(random: () => number, spans: Span[], minutes = WEEK_MINUTES): Line[] {
  return Array.from({ length: minutes }, (_, minute) => {
    const hour = (minute / 60) % 24
    const busy = hour > 7 && hour < 20 ? 12 : 3
    const calls = random() < 0.03 ? 0 : 4 + Math.floor(random() * busy)
    const shareOf = (kind: Span['kind']) =>
      Math.max(
        0,
        ...spans
          .filter((span) => span.kind === kind && minute >= span.from && minute < span.from + span.minutes)
          .map(({ share }) => share),
      )
    const errors = Math.min(calls, Math.round(calls * shareOf('errors')) + (minute % 40 === 0 ? 1 : 0))
    const slow = Math.min(calls, Math.round(calls * shareOf('slow')) + (minute % 50 === 7 ? 1 : 0))
    const latencyMs: Record<string, number> = {}
    if (slow > 0) latencyMs[12_000 + Math.floor(random() * 9_000)] = slow
    if (calls > slow) latencyMs[500 + Math.floor(random() * 1_500)] = calls - slow
    const at = new Date(START + minute * 60_000).toISOString()
    return { at, team: 'prod_customer', calls, errors, costUsd: calls * 0.0001, latencyMs }
  })
}
