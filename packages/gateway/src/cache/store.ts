import type { CacheEntry } from '../entry/entry.ts'
import type { Epoch } from '../entry/epoch.ts'
import type { PurgeFilter } from '../entry/purge-filter.ts'

/** How an entry is put away. */
export type Placing = {
  /** What it is signed with, wherever other processes find it. */
  secret?: Buffer
  /** In which upstream was asked: if it is over, the entry is not kept. @default the present one */
  epoch?: Epoch
}

/** The port that memory, Redis and the two together implement. No method throws but `purge`. */
export type CacheStore = {
  /** Stale entries, too; a Promise only where waiting cannot be helped. */
  get: (key: string, secret?: Buffer) => CacheEntry | undefined | Promise<CacheEntry | undefined>
  /** True once it is where everybody finds it who shares this store. */
  set: (key: string, entry: CacheEntry, placing?: Placing) => boolean | Promise<boolean>
  /** The epoch of a key as this process knows it, which is as late as its last look at the key. */
  epoch: (key: string) => Epoch
  /** Forgets the entry whose answer has this id: upstream was told to delete it. */
  forget: (answerId: string) => void | Promise<void>
  /**
   * Forgets what matches, in every process, and says how many answers that were.
   * @throws RedisUnavailable when shared entries could not be reached.
   */
  purge: (what: PurgeFilter) => number | Promise<number>
  /** Resolves when all that was set is where it belongs, or has been given up. */
  settled: () => Promise<void>
  /** Lets go of what this process holds; what is shared stays. It can still be used. */
  close: () => void
}
