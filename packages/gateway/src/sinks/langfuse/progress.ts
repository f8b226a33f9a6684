import type { ItemResult } from '../batch.ts'
import type { Report } from '../sink.ts'

/** What is final of one piece of a call: an event, or a span. */
type Final = 'taken' | { refused: string }

/**
 * What of each call Langfuse has confirmed, or will never take. Neither is sent again, whatever becomes of the rest of
 * the call: of an event that failed, that event; of scores after their span, the scores.
 */
export function createProgress() {
  const known = new WeakMap<Report, Map<string, Final>>()
  const of = (report: Report) => known.get(report)

  return {
    left: <Piece extends { id: string }>(report: Report, pieces: readonly Piece[]): Piece[] =>
      pieces.filter(({ id }) => !of(report)?.has(id)),
    note(report: Report, id: string, final: Final) {
      const pieces = of(report) ?? new Map<string, Final>()
      known.set(report, pieces.set(id, final))
    },
    /** Of a call of which nothing is left: refused if one piece was. */
    fateOf(report: Report): ItemResult {
      for (const final of of(report)?.values() ?? []) if (final !== 'taken') return final
      return 'taken'
    },
  }
}

export type Progress = ReturnType<typeof createProgress>
