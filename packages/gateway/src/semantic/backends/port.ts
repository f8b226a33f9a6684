import type { RedisConnection } from '../../redis/connection.ts'

/** Of an entry, where it stands. Partitions are named like keys of Redis: `gw:{team}:s:…`. */
export type EntryRef = { partition: string; id: string }

/** An entry as it is kept: signed by whoever wrote it, and believed only after that was checked. */
export type StoredEntry = EntryRef & { value: Buffer }

/**
 * Vectors and entries beyond one machine's memory: in a database that all processes share, and that finds what is near by
 * itself. Every method may throw, and may hang: whoever calls it waits no longer than it wants.
 */
export type VectorBackend = {
  /** The likely ones, in no order. What has expired is not among them. */
  nearest: (
    partition: string,
    vector: Int8Array,
    count: number,
    signal: AbortSignal,
  ) => Promise<Omit<StoredEntry, 'partition'>[]>
  get: (place: EntryRef, signal: AbortSignal) => Promise<Buffer | undefined>
  /** Over what is there. False: there is no room. */
  put: (entry: StoredEntry & { vector: Int8Array; expires: number }, signal: AbortSignal) => Promise<boolean>
  /** Absent: entries are ordinary values of the Redis that is shared anyway, and can be looked through there. */
  browse:
    | {
        /** Some entries whose partition starts like that, in an order that stays; `after`: the last one of those before. */
        page: (prefix: string, after: EntryRef | undefined, signal: AbortSignal) => Promise<StoredEntry[]>
        /** How many there were. */
        remove: (places: EntryRef[], signal: AbortSignal) => Promise<number>
      }
    | undefined
}

/** What `cache.semantic.index` takes of such a database. */
export type VectorBackendFactory = {
  type: 'engine'
  name: string
  open: (house: { link: RedisConnection | undefined; dims: number; sharedBytes: number }) => VectorBackend
}
