/** A result of a search. The cosine of equal vectors is 1. */
export type IndexHit = { id: string; cosine: number }

/**
 * Nearest-neighbour index of one partition. Its vectors are quantised as in all processes, so that all compute equal
 * cosines.
 */
export type VectorIndex = {
  /** Adds or replaces a vector. It is not found from `expires` on, in milliseconds since the epoch. */
  add: (id: string, vector: Int8Array, expires: number) => void
  has: (id: string) => boolean
  /** Returns the id added or replaced first among those present. */
  oldest: () => string | undefined
  /** Makes an id the newest. */
  renew: (id: string) => void
  /** Returns `false` if it was absent. */
  remove: (id: string) => boolean
  /** Returns the `k` nearest unexpired vectors, nearest first; none for a zero query. */
  nearest: (query: Float32Array, k: number, now: number) => IndexHit[]
  /** Number of entries, including expired ones not yet dropped. */
  size: () => number
  /** Approximate memory in bytes. */
  bytes: () => number
  clear: () => void
}

/** An index whose entries can be moved. A returned vector is valid until the next change. */
export type FlatIndex = VectorIndex & {
  ids: () => Iterable<string>
  get: (id: string) => { vector: Int8Array; expires: number } | undefined
}

/** An index for partitions too large for the flat one. */
export type GraphIndex = {
  type: 'graph'
  name: string
  /** Entries of a partition from which it is used. */
  from: number
  /**
   * Loads its package on first use.
   * @throws if it is not available: the flat index stays.
   */
  load: () => Promise<(dims: number) => VectorIndex>
}

/** Bytes of an entry besides its vector: its id, twice, and its table slots. */
export const ENTRY_BYTES = 160
