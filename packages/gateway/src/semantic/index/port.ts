/** An entry near a question; of two equal vectors the cosine is 1. */
export type IndexHit = { id: string; cosine: number }

/**
 * Vectors by nearness, of one partition. What is put in is quantised: it is what all processes hold, so that all of
 * them come to the same cosine.
 */
export type VectorIndex = {
  /** An id that is there already is replaced. Not found any more from `expires` on, in milliseconds since the epoch. */
  add: (id: string, vector: Int8Array, expires: number) => void
  has: (id: string) => boolean
  /** What was put in, or replaced, before all others that are there. */
  oldest: () => string | undefined
  /** Makes it the newest. */
  renew: (id: string) => void
  /** False: it was not there. */
  remove: (id: string) => boolean
  /** The `k` nearest that have not expired, nearest first. None for a query that has no direction. */
  nearest: (query: Float32Array, k: number, now: number) => IndexHit[]
  /** Entries, expired ones included that no query has come upon. */
  size: () => number
  /** Memory held, near enough for a budget. */
  bytes: () => number
  clear: () => void
}

/** Its entries can be moved to another index. A vector is good until the next change. */
export type FlatIndex = VectorIndex & {
  ids: () => Iterable<string>
  get: (id: string) => { vector: Int8Array; expires: number } | undefined
}

/** Another kind of index for partitions that outgrow the flat one. */
export type GraphIndex = {
  type: 'graph'
  name: string
  /** Entries of a partition from which it is worth its memory. */
  from: number
  /** Loads what is needed, on first use. @throws when it cannot be had here: the flat index stays. */
  load: () => Promise<(dims: number) => VectorIndex>
}

/** What an entry takes beside its vector: its id, twice, and its places in the tables. */
export const ENTRY_BYTES = 160
