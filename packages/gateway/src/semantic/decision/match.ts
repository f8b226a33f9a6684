import type { SemanticResult } from '../../core/record.ts'
import type { Candidate } from '../store/port.ts'

/** What was found near a question. */
export type Match = {
  result: SemanticResult
  /** In the order of their cosines. */
  candidates: readonly Candidate[]
  /** The one that serves, or would if it were nearer or surer; absent where guards speak against all. */
  chosen?: Candidate
}

export const NO_MATCH: Match = { result: { outcome: 'no-candidate' }, candidates: [] }
