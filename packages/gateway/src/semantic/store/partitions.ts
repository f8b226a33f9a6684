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
    bytes: 0,
    pinned: new Set(),
    attached: true,
  })

  /** Map order is LRU order. */
  function of(name: string): PartitionState {
    const room = partitions.get(name) ?? newPartition()
    partitions.delete(name)
    partitions.set(name, room)
    return room
  }

  function count(room: PartitionState) {
    if (!room.attached) return
    total -= room.bytes
    room.bytes = room.index.bytes() + room.entryBytes
    total += room.bytes
  }

  function forgetEntry(room: PartitionState, id: string) {
    const held = room.entries.get(id)
    if (held === undefined) return
    room.entries.delete(id)
    room.entryBytes -= bytesOf(held)
  }

  function drop(room: PartitionState, id: string) {
    room.index.remove(id)
    room.pinned.delete(id)
    forgetEntry(room, id)
  }

  /**
   * Frees memory for one more entry. Index tables never shrink: in its own partition one entry goes for each one that
   * comes, and more if the answer is large. Returns `false` if only pinned entries are left.
   */
  function makeSpace(mine: PartitionState, inIndex: number, bytes: number): boolean {
    for (const [name, room] of partitions) {
      if (total + inIndex + bytes <= maxBytes) return true
      if (room === mine) continue
      partitions.delete(name)
      total -= room.bytes
      room.attached = false
    }
    if (total + inIndex + bytes <= maxBytes) return true
    const enough = mine.entryBytes - bytes
    let needed = inIndex > 0 ? 1 : 0
    for (let tries = 0; tries < MAX_TRIES && (needed > 0 || mine.entryBytes > enough); tries += 1) {
      const oldest = mine.index.oldest()
      if (oldest === undefined) return true
      if (mine.pinned.has(oldest)) mine.index.renew(oldest)
      else {
        drop(mine, oldest)
        needed -= 1
      }
    }
    return needed <= 0
  }

  /** `bytes`: memory of the entry outside the index. */
  function insert(
    room: PartitionState,
    id: string,
    { vector, pinned, expires }: IndexEntry,
    bytes = 0,
  ): boolean {
    if (vector.length !== dims || expires <= Date.now()) return false
    const inIndex = room.index.has(id) ? 0 : vector.length + ENTRY_BYTES
    if (!makeSpace(room, inIndex, bytes) && !pinned) return false
    room.index.add(id, vector, expires)
    if (pinned) room.pinned.add(id)
    else room.pinned.delete(id)
    count(room)
    return true
  }

  return {
    of,
    drop,
    /** Clears the index but keeps the partition. */
    reset(room: PartitionState) {
      room.index.clear()
      room.pinned.clear()
      count(room)
    },
    place: insert,
    /** Inserts or replaces an entry. Returns `false` if its vector has another length, or it has expired. */
    upsert(room: PartitionState, id: string, sealed: Sealed): boolean {
      forgetEntry(room, id)
      const bytes = keepsEntries ? bytesOf(sealed) : 0
      if (!insert(room, id, { ...sealed, expires: expiryOf(sealed) }, bytes)) return false
      if (keepsEntries) room.entries.set(id, sealed)
      room.entryBytes += bytes
      count(room)
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
