import type { SemanticResult } from '../../core/record.ts'
import type { Neighbour } from '../store/port.ts'

/** What was found near a question. */
export type Match = {
  meaning: SemanticResult
  /** In the order of their cosines. */
  neighbours: readonly Neighbour[]
  /** The one that serves, or would if it were nearer or surer; absent where guards speak against all. */
  candidate?: Neighbour
}

export const NO_MATCH: Match = { meaning: { outcome: 'nothing' }, neighbours: [] }
