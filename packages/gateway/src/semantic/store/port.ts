import type { Epoch } from '../../cache/epoch.ts'
import type { CacheEntry } from '../../cache/store.ts'
import type { Partition } from '../scope.ts'
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

export type Neighbour = {
  entry: Entry
  similarity: number
  /** Its answer was judged wrong for this question before. */
  refuted?: boolean
}

/** The port that memory alone, memory over Redis, and engines elsewhere implement. Only what admins call throws. */
export type SemanticStore = {
  /** Whether there may be anything to find; loads what others have put there, in the background. */
  holds: (partition: Partition) => boolean
  /** The entries most similar to a question, the nearest first. */
  nearest: (
    partition: Partition,
    vector: Float32Array,
    count: number,
    question?: string,
  ) => Promise<Neighbour[]>
  /** Remembers, for all processes, that an entry's answer is wrong for a question. `entry`: its id. */
  refute: (partition: Partition, question: string, entry: string) => Promise<void>
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
