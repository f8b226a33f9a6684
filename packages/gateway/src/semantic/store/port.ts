import type { CacheEntry } from '../../entry/entry.ts'
import type { Stamps } from '../../entry/epoch.ts'
import type { PurgeFilter } from '../../entry/purge-filter.ts'
import type { Partition } from '../query/partition.ts'
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

/** An entry of the semantic cache, as an admin sees it. */
export type SemanticEntry = {
  /** Its name, for `pin` and `remove`. */
  key: string
  team: string
  agent: string
  model: string
  question: string
  /** The answer's body, as JSON. */
  answer: string
  /** Milliseconds since the epoch; so is the other. */
  storedAt: number
  /** When it goes, unless it is pinned. */
  expiresAt: number
  /** Kept for a year, and no new answer replaces it. */
  pinned: boolean
  /** How often it has answered since this process began; of what others gave, this process knows nothing. */
  hits: number
}

export type SemanticAdmin = {
  /** Entries that match, in no order. Without the secret they were signed with, none can be read. @default limit 100 */
  list: (what: PurgeFilter, limit?: number) => Promise<SemanticEntry[]>
  /** By `key`, as in `list`, or as `semantic.entry` in the record of a call. `undefined`: it is not there, or cannot be read. */
  inspect: (key: string) => Promise<SemanticEntry | undefined>
  /**
   * How many were removed. What cannot be read is removed as well, if its team matches: it is of no use to anybody. `key`
   * may also be that of the exact cache: then it is what has the same answer.
   */
  remove: (what: PurgeFilter) => Promise<number>
  /**
   * Keeps an entry; with `false`, lets it go when its time has come. False: it is not there, or cannot be read.
   * @default pinned true
   */
  pin: (key: string, pinned?: boolean) => Promise<boolean>
}
