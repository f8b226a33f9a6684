import type { Stamps } from '../../entry/epoch.ts'
import type { CacheEntry } from '../../cache/store.ts'
import type { Partition } from '../query/partition.ts'
import type { SemanticAdmin } from './admin.ts'
import type { Generation } from './generations.ts'

/** Between which purges upstream was asked. */
export type Since = {
  /** Whether a purge was heard of since. */
  isOver: () => boolean
  /** What Redis had told of purges, and of the partition, when the call began; `undefined`: nothing yet. */
  stamps: Stamps
  generation: Generation | undefined
}

/** An answer, and the question it was given to. */
export type Entry = {
  /** Its key, as admins have it. */
  id: string
  question: string
  answer: CacheEntry
  /** Of which group its answer is, and which other ones were found to say the same: `familiesOf`. */
  groups: readonly string[]
  /** Under which key the exact cache has it, or would have; empty: under none. */
  exact: string
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
  /** Remembers, for all processes, that the answers of these entries are wrong for a question, however that is spelt. */
  refute: (partition: Partition, question: string, entries: readonly Entry[]) => Promise<void>
  /** What is known of purges now, before upstream is asked. */
  since: (partition: Partition) => Omit<Since, 'isOver'>
  /** @param since If there was a purge since then, nothing is kept. */
  add: (
    partition: Partition,
    vector: Float32Array,
    entry: Omit<Entry, 'id' | 'pinned'>,
    since: Since,
  ) => Promise<boolean>
  admin: StoreAdmin
  settled: () => Promise<void>
  close: () => void
}

/** What admins can do, and what the rest of the gateway asks for. */
export type StoreAdmin = SemanticAdmin & {
  /** The key under which the exact cache has an entry's answer. */
  exactOf: (key: string) => Promise<string | undefined>
  /** Upstream was told to delete the answer with this id. */
  forget: (answerId: string) => Promise<void>
}
