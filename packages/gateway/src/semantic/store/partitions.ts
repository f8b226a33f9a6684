import { createFlatIndex } from '../index/flat.ts'
import { createGrowingIndex } from '../index/growing.ts'
import { ENTRY_BYTES, type GraphIndex, type VectorIndex } from '../index/port.ts'
import type { Sealed } from './codec.ts'
import { PINNED_MS } from './pinned.ts'

/** A partition as held by this process. */
export type PartitionState = {
  index: VectorIndex
  /** Entries, in a gateway without Redis. */
  entries: Map<string, Sealed>
  entryBytes: number
  /** Memory of index and entries, as last counted. */
  bytes: number
  /** Ids of pinned entries: never replaced or evicted. */
  pinned: Set<string>
  /** `false` after the partition was evicted: further inserts have no effect. */
  attached: boolean
}

export type Partitions = ReturnType<typeof createPartitions>

const ENTRY_OVERHEAD = 300
/** An empty one takes 2.1 KB, and more with Redis. Each user that a call names has one, whether its answer is stored or not. */
const PARTITION_OVERHEAD = 3_000
/** Oldest entries examined to find one that can be evicted. */
const MAX_TRIES = 64

/** What an index needs of an entry. */
export type IndexEntry = Pick<Sealed, 'vector' | 'pinned'> & { expires: number }

export type PartitionOptions = {
  dims: number
  /** Memory for all partitions, in bytes. */
  maxBytes: number
  /** Entries are kept in this process, because there is no Redis. */
  keepsEntries: boolean
  graph: GraphIndex | undefined
  onError: (error: unknown) => void
}

/**
 * Creates the partitions of this process within a memory limit: evicts the least recently used partition first, then
 * the oldest entries.
 */
export function createPartitions({ dims, maxBytes, keepsEntries, graph, onError }: PartitionOptions) {
  const partitions = new Map<string, PartitionState>()
  let total = 0

  const newPartition = (): PartitionState => ({
    index: graph === undefined ? createFlatIndex(dims) : createGrowingIndex(dims, graph, onError),
    entries: new Map(),
    entryBytes: 0,
    bytes: PARTITION_OVERHEAD,
    pinned: new Set(),
    attached: true,
  })

  /** Map order is LRU order. */
  function of(name: string): PartitionState {
    const known = partitions.get(name)
    const state = known ?? newPartition()
    partitions.delete(name)
    partitions.set(name, state)
    if (known === undefined) {
      total += state.bytes
      evictOthers(state, 0)
    }
    return state
  }

  /** Evicts the least recently used partitions until there is memory. Returns whether there is. */
  function evictOthers(own: PartitionState, bytes: number): boolean {
    for (const [name, state] of partitions) {
      if (total + bytes <= maxBytes) return true
      if (state === own) continue
      partitions.delete(name)
      total -= state.bytes
      state.attached = false
    }
    return total + bytes <= maxBytes
  }

  function count(state: PartitionState) {
    if (!state.attached) return
    total -= state.bytes
    state.bytes = PARTITION_OVERHEAD + state.index.bytes() + state.entryBytes
    total += state.bytes
  }

  function forgetEntry(state: PartitionState, id: string) {
    const held = state.entries.get(id)
    if (held === undefined) return
    state.entries.delete(id)
    state.entryBytes -= bytesOf(held)
  }

  function drop(state: PartitionState, id: string) {
    state.index.remove(id)
    state.pinned.delete(id)
    forgetEntry(state, id)
  }

  /**
   * Frees memory for one more entry. Index tables never shrink: in its own partition one entry goes for each one that
   * comes, and more if the answer is large. Returns `false` if only pinned entries are left.
   */
  function makeSpace(own: PartitionState, inIndex: number, bytes: number): boolean {
    if (evictOthers(own, inIndex + bytes)) return true
    const enough = own.entryBytes - bytes
    let needed = inIndex > 0 ? 1 : 0
    for (let tries = 0; tries < MAX_TRIES && (needed > 0 || own.entryBytes > enough); tries += 1) {
      const oldest = own.index.oldest()
      if (oldest === undefined) return true
      if (own.pinned.has(oldest)) own.index.renew(oldest)
      else {
        drop(own, oldest)
        needed -= 1
      }
    }
    return needed <= 0
  }

  /** `bytes`: memory of the entry outside the index. */
  function insert(
    state: PartitionState,
    id: string,
    { vector, pinned, expires }: IndexEntry,
    bytes = 0,
  ): boolean {
    if (vector.length !== dims || expires <= Date.now()) return false
    const inIndex = state.index.has(id) ? 0 : vector.length + ENTRY_BYTES
    if (!makeSpace(state, inIndex, bytes) && !pinned) return false
    state.index.add(id, vector, expires)
    if (pinned) state.pinned.add(id)
    else state.pinned.delete(id)
    count(state)
    return true
  }

  return {
    of,
    drop,
    /** Clears the index but keeps the partition. */
    reset(state: PartitionState) {
      state.index.clear()
      state.pinned.clear()
      count(state)
    },
    insert,
    /** Inserts or replaces an entry. Returns `false` if its vector has another length, or it has expired. */
    upsert(state: PartitionState, id: string, sealed: Sealed): boolean {
      forgetEntry(state, id)
      const bytes = keepsEntries ? bytesOf(sealed) : 0
      if (!insert(state, id, { ...sealed, expires: expiryOf(sealed) }, bytes)) return false
      if (keepsEntries) state.entries.set(id, sealed)
      state.entryBytes += bytes
      count(state)
      return true
    },
    /** Entries that fit into an empty partition. */
    capacity: () => Math.max(1, Math.floor(maxBytes / (dims + dims / 8 + ENTRY_BYTES))),
    all: () => [...partitions],
    clear() {
      partitions.clear()
      total = 0
    },
  }
}

/** Milliseconds since the epoch. A pinned entry expires a year from now, unless unpinned. */
export const expiryOf = ({ pinned, answer }: Sealed) => (pinned ? Date.now() + PINNED_MS : answer.freshUntil)

const bytesOf = ({ question, answer, vector }: Sealed) =>
  (question.length + answer.text.length) * 2 + vector.length + ENTRY_OVERHEAD
