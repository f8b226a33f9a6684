import type { CacheEntry } from '../cache-entry/entry.ts'
import type { Epoch } from '../cache-entry/epoch.ts'
import type { PurgeFilter } from '../cache-entry/purge-filter.ts'

/** Options of a write. */
export type WriteOptions = {
  /** Signs the entry, where other processes can read it. */
  secret?: Buffer
  /** Epoch in which upstream was asked: if it has ended, the entry is not stored. @default the current one */
  epoch?: Epoch
}

/** The port that the memory store, the Redis store and both together implement. Only `purge` throws, and `forget` of Redis alone. */
export type CacheStore = {
  /** Returns fresh and stale entries; a Promise only if it has to wait. */
  get: (key: string, secret?: Buffer) => CacheEntry | undefined | Promise<CacheEntry | undefined>
  /** Returns true once all users of this store can find the entry. */
  set: (key: string, entry: CacheEntry, placing?: WriteOptions) => boolean | Promise<boolean>
  /** Returns the epoch of a key, as of this process's last lookup of it. */
  epoch: (key: string) => Epoch
  /** Removes the entry of the answer with this id: upstream was told to delete it. */
  forget: (answerId: string) => void | Promise<void>
  /**
   * Removes matching answers in every process; returns their number.
   * @throws RedisUnavailable when shared entries could not be reached.
   */
  purge: (what: PurgeFilter) => number | Promise<number>
  /** Resolves when all writes are done or have been given up. */
  settled: () => Promise<void>
  /** Releases this process's memory; shared entries stay. The store can still be used. */
  close: () => void
}
