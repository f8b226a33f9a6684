import type { ItemResult } from '../batch.ts'
import type { Report } from '../sink.ts'

/** Final result of one piece of a call: an event, or a span. */
type FinalResult = 'accepted' | { rejected: string }

/**
 * Remembers the pieces of each call that Langfuse accepted or rejected for good. They are never sent again, even if
 * other pieces of the call must be.
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
    /** Returns the result of a call whose pieces are all final: rejected if one piece was. */
    resultOf(report: Report): ItemResult {
      for (const final of of(report)?.values() ?? []) if (final !== 'accepted') return final
      return 'accepted'
    },
  }
}

export type Progress = ReturnType<typeof createProgress>
