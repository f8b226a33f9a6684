import type { CacheEntry } from '../../cache-entry/entry.ts'
import type { Stamps } from '../../cache-entry/epoch.ts'
import type { PurgeFilter } from '../../cache-entry/purge-filter.ts'
import type { Partition } from '../query/partition.ts'
import type { Sealed } from './codec.ts'
import type { Generation } from './generations.ts'

/** State of purges when upstream was called. An answer is stored only if no purge has happened since. */
export type PurgeSnapshot = {
  /** Tells whether a purge was seen since. */
  isOver: () => boolean
  /** Purge stamps and generation known when the call began. `undefined`: none was read yet. */
  stamps: Stamps
  generation: Generation | undefined
}

/** An answer, and the question it was given to. */
export type Entry = {
  /** Its key, as administrators see it. */
  id: string
  question: string
  answer: CacheEntry
  /** Group names of its answer: see `clusterAnswers`. */
  groups: readonly string[]
  /** Key of the same answer in the exact cache; empty if it has none. */
  exact: string
  pinned: boolean
  /** Digest of who asked; absent or empty if the call named no one. */
  asker?: string
  /** Set until the judge has found that its answer is no single person's. */
  unchecked?: true
}

export type Candidate = {
  entry: Entry
  similarity: number
  /** Its answer was judged wrong for this question. */
  refuted?: boolean
}

/**
 * Store of entries; implemented in memory, in memory over Redis, and over vector backends. Only `admin` methods
 * reject.
 */
export type SemanticStore = {
  /** Tells whether the partition may have entries. Loads entries of other processes in the background. */
  holds: (partition: Partition) => boolean
  /** Returns the entries most similar to a question, the nearest first. */
  nearest: (
    partition: Partition,
    vector: Float32Array,
    count: number,
    question?: string,
  ) => Promise<Candidate[]>
  /** Notes for all processes that the answers of these entries are wrong for a question, in any spelling. */
  refute: (
    partition: Partition,
    question: string,
    entries: readonly Pick<Entry, 'id' | 'question'>[],
  ) => Promise<void>
  /** Notes for all processes that the judge found these answers to be no single person's. */
  check: (partition: Partition, entries: readonly Entry[]) => Promise<void>
  /** Returns the state of purges, before upstream is called. */
  snapshot: (partition: Partition) => Omit<PurgeSnapshot, 'isOver'>
  /** Stores an entry. Resolves `false` if it was not stored, e.g. after a purge since `since`. */
  add: (
    partition: Partition,
    vector: Float32Array,
    entry: Omit<Entry, 'id' | 'pinned'>,
    since: PurgeSnapshot,
  ) => Promise<boolean>
  admin: StoreAdmin
  settled: () => Promise<void>
  close: () => void
}

/** Operations of administrators, and of the gateway itself. */
export type StoreAdmin = SemanticAdmin & {
  /** Returns the exact cache's key of an entry's answer. */
  exactOf: (key: string) => Promise<string | undefined>
  /** Deletes entries of an answer that upstream was told to delete. */
  forget: (answerId: string) => Promise<void>
}

/** Where an entry is. Partitions are named like Redis keys, `gw:{team}:s:…`; the entry's key is `partition:id`. */
export type EntryRef = { partition: string; id: string }

/** An entry of a source. */
export type EntryHandle = EntryRef & {
  /** Returns the key of the same answer in the exact cache; empty without such an answer. Needs no secret. */
  exactKey: () => Promise<string>
  /** Returns `undefined` if the entry is gone, or its signature does not fit. */
  read: () => Promise<Sealed | undefined>
}

/** Where administrators' operations read and write entries. All methods reject when the source is unavailable. */
export type EntrySource = {
  /** Yields the entries of a team, or of all teams, in no order; unreadable ones included. */
  scan: (team: string | undefined) => AsyncIterable<EntryHandle>
  /** Returns one entry. A source that cannot know without reading whether it exists returns a handle in any case. */
  at: (ref: EntryRef) => Promise<EntryHandle | undefined>
  /** Overwrites an entry that was read before, with the TTL of its new state. Returns `false` if it could not be stored. */
  write: (ref: EntryRef, sealed: Sealed) => Promise<boolean>
  /** Returns how many entries were deleted: 0 or 1. */
  delete: (ref: EntryRef) => Promise<number>
  /** Runs before all entries of a team, or of all teams, are deleted. */
  beforePurge?: (team: string | undefined) => Promise<void>
  /** Deletes the entries of the answer with this id. Absent: found by a scan. */
  forget?: (answerId: string) => Promise<void>
}

/** An entry of the semantic cache, as administrators see it. */
export type SemanticEntry = {
  /** Its key, for `pin` and `remove`. */
  key: string
  team: string
  agent: string
  model: string
  question: string
  /** The answer's body, as JSON. */
  answer: string
  /** Milliseconds since the epoch, like `expiresAt`. */
  storedAt: number
  /** When it expires, unless pinned. */
  expiresAt: number
  /** Kept for a year, and not replaced by new answers. */
  pinned: boolean
  /** Times it was served by this process. Hits in other processes are not included. */
  hits: number
}

export type SemanticAdmin = {
  /** Lists entries that match, in no order. Entries signed with another secret are not readable. @default limit 100 */
  list: (what: PurgeFilter, limit?: number) => Promise<SemanticEntry[]>
  /**
   * Returns an entry by its `key` in `list`, or by `semantic.entry` of a call's record. `undefined` if it is absent or
   * not readable.
   */
  inspect: (key: string) => Promise<SemanticEntry | undefined>
  /**
   * Removes entries that match. Resolves with their number. Unreadable entries of the team are removed as well. `key`
   * may also be a key of the exact cache: it stands for the entry with the same answer.
   */
  remove: (what: PurgeFilter) => Promise<number>
  /**
   * Pins an entry; with `false`, restores its expiry. Resolves `false` if it is absent or not readable.
   * @default pinned true
   */
  pin: (key: string, pinned?: boolean) => Promise<boolean>
}
