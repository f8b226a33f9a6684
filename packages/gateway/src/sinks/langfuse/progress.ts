import type { ItemResult } from '../batch.ts'
import type { Report } from '../sink.ts'

/** What is final of one piece of a call: an event, or a span. */
type FinalResult = 'accepted' | { rejected: string }

/**
 * What of each call Langfuse has confirmed, or will never take. Neither is sent again, whatever becomes of the rest of
 * the call: of an event that failed, that event; of scores after their span, the scores.
 */
export function createProgress() {
  const known = new WeakMap<Report, Map<string, FinalResult>>()
  const of = (report: Report) => known.get(report)

  return {
    remaining: <Piece extends { id: string }>(report: Report, pieces: readonly Piece[]): Piece[] =>
      pieces.filter(({ id }) => !of(report)?.has(id)),
    note(report: Report, id: string, final: FinalResult) {
      const pieces = of(report) ?? new Map<string, FinalResult>()
      known.set(report, pieces.set(id, final))
    },
    /** Of a call of which nothing is left: refused if one piece was. */
    resultOf(report: Report): ItemResult {
      for (const final of of(report)?.values() ?? []) if (final !== 'accepted') return final
      return 'accepted'
    },
  }
}

export type Progress = ReturnType<typeof createProgress>
