import type { CacheEntry } from '../../cache/store.ts'
import type { Partition } from '../scope.ts'
import type { Epoch } from '../../cache/epoch.ts'
import type { SemanticAdmin } from './admin.ts'

/** An answer, and the question it was given to. */
export type Entry = {
  /** Its key, as admins have it. */
  id: string
  question: string
  answer: CacheEntry
  /** Of which group its answer is, and which other ones were found to say the same: `familiesOf`. */
  groups: readonly string[]
  pinned: boolean
}

export type Neighbour = { entry: Entry; similarity: number }

/** The port that memory alone, memory over Redis, and engines elsewhere implement. Only what admins call throws. */
export type SemanticStore = {
  /** Whether there may be anything to find; loads what others have put there, in the background. */
  holds: (partition: Partition) => boolean
  /** The most similar entries, the nearest first. */
  nearest: (partition: Partition, vector: Float32Array, count: number) => Promise<Neighbour[]>
  /** @param epoch In which upstream was asked: if it is over, nothing is kept. */
  add: (
    partition: Partition,
    vector: Float32Array,
    entry: Omit<Entry, 'id' | 'pinned'>,
    epoch?: { isOver: () => boolean; name?: Epoch },
  ) => Promise<boolean>
  admin: SemanticAdmin
  settled: () => Promise<void>
  close: () => void
}
