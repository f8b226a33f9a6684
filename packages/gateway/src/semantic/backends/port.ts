import type { Link } from '../../redis/connection.ts'

/** Of an entry, where it stands. Partitions are named like keys of Redis: `gw:{team}:s:…`. */
export type Place = { partition: string; id: string }

/** An entry as it is kept: signed by whoever wrote it, and believed only after that was checked. */
export type Kept = Place & { value: Buffer }

/**
 * Vectors and entries beyond one machine's memory: in a database that all processes share, and that finds what is near by
 * itself. Every method may throw, and may hang: whoever calls it waits no longer than it wants.
 */
export type Shelves = {
  /** The likely ones, in no order. What has expired is not among them. */
  nearest: (
    partition: string,
    vector: Int8Array,
    count: number,
    signal: AbortSignal,
  ) => Promise<Omit<Kept, 'partition'>[]>
  get: (place: Place, signal: AbortSignal) => Promise<Buffer | undefined>
  /** Over what is there. False: there is no room. */
  put: (entry: Kept & { vector: Int8Array; expires: number }, signal: AbortSignal) => Promise<boolean>
  /** Absent: entries are ordinary values of the Redis that is shared anyway, and can be looked through there. */
  browse:
    | {
        /** Some entries whose partition starts like that, in an order that stays; `after`: the last one of those before. */
        page: (prefix: string, after: Place | undefined, signal: AbortSignal) => Promise<Kept[]>
        /** How many there were. */
        remove: (places: Place[], signal: AbortSignal) => Promise<number>
      }
    | undefined
}

/** What `cache.semantic.index` takes of such a database. */
export type Engine = {
  type: 'engine'
  name: string
  open: (house: { link: Link | undefined; dims: number; sharedBytes: number }) => Shelves
}
