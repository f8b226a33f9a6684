import type { CacheEntry } from '../../cache/store.ts'
import type { Partition } from '../scope.ts'
import type { SemanticAdmin } from './admin.ts'

/** An answer, and the question it was given to. */
export type Entry = {
  id: string
  question: string
  answer: CacheEntry
  /** Of which group its answer is, and which other ones were found to say the same: `familiesOf`. */
  groups: readonly string[]
  pinned: boolean
}

export type Neighbour = { entry: Entry; similarity: number }

/** The port that memory alone, and memory over Redis, implement. No method throws. */
export type SemanticStore = {
  /** Whether there may be anything to find; loads what others have put there, in the background. */
  holds: (partition: Partition) => boolean
  /** The most similar entries, the nearest first. */
  nearest: (partition: Partition, vector: Float32Array, count: number) => Promise<Neighbour[]>
  add: (partition: Partition, vector: Float32Array, entry: Omit<Entry, 'id' | 'pinned'>) => Promise<boolean>
  /** Entries that match, of those this process holds; how many were removed; whether it is pinned now. */
  admin: SemanticAdmin
  settled: () => Promise<void>
  close: () => void
}
