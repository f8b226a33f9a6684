import type { SemanticResult } from '../../core/record.ts'
import type { Candidate } from '../store/port.ts'

/** Result of a search. */
export type Match = {
  result: SemanticResult
  /** Sorted by cosine, the nearest first. */
  candidates: readonly Candidate[]
  /** The entry that serves, or would at a lower threshold. Absent if guards veto all. */
  chosen?: Candidate
}

export const NO_MATCH: Match = { result: { outcome: 'no-candidate' }, candidates: [] }
