import { createFlatIndex } from '../index/flat.ts'
import { createGrowingIndex } from '../index/growing.ts'
import { ENTRY_BYTES, type GraphIndex, type VectorIndex } from '../index/port.ts'
import type { Sealed } from './codec.ts'
import { PINNED_MS } from './pinned.ts'

/** What this process knows of a partition. */
export type PartitionState = {
  index: VectorIndex
  /** Without Redis, the entries themselves. */
  entries: Map<string, Sealed>
  entryBytes: number
  /** All it takes, as it was counted last. */
  bytes: number
  /** Ids whose entries no new answer replaces, and that give way to none. */
  pinned: Set<string>
  /** False: it gave way to others. Whoever still fills it fills it for nothing. */
  held: boolean
}

export type Partitions = ReturnType<typeof createPartitions>

const ENTRY_OVERHEAD = 300
/** Of the oldest entries, how many are looked at for those that may give way to a new one. */
const MAX_TRIES = 64

/** All that an index needs of an entry. */
export type Placed = Pick<Sealed, 'vector' | 'pinned'> & { expires: number }

export type PartitionOptions = {
  dims: number
  /** Of this process's memory, for all partitions together. */
  maxBytes: number
  /** Entries are kept here, and not in Redis. */
  keeps: boolean
  graph: GraphIndex | undefined
  onTrouble: (error: unknown) => void
}

/** The partitions that this process knows, within its memory: the one unused for longest gives way, then the oldest entry. */
export function createPartitions({ dims, maxBytes, keeps, graph, onTrouble }: PartitionOptions) {
  const rooms = new Map<string, PartitionState>()
  let total = 0

  const newRoom = (): PartitionState => ({
    index: graph === undefined ? createFlatIndex(dims) : createGrowingIndex(dims, graph, onTrouble),
    entries: new Map(),
    entryBytes: 0,
    bytes: 0,
    pinned: new Set(),
    held: true,
  })

  /** The one that was used longest ago is the first. */
  function of(name: string): PartitionState {
    const room = rooms.get(name) ?? newRoom()
    rooms.delete(name)
    rooms.set(name, room)
    return room
  }

  function count(room: PartitionState) {
    if (!room.held) return
    total -= room.bytes
    room.bytes = room.index.bytes() + room.entryBytes
    total += room.bytes
  }

  function forget(room: PartitionState, id: string) {
    const held = room.entries.get(id)
    if (held === undefined) return
    room.entries.delete(id)
    room.entryBytes -= bytesOf(held)
  }

  function drop(room: PartitionState, id: string) {
    room.index.remove(id)
    room.pinned.delete(id)
    forget(room, id)
  }

  /**
   * Makes room for one more. Tables never shrink: of a room's own entries, one goes for one that comes, and as many as its
   * answer is large. False: all that could go is pinned.
   */
  function makeRoom(mine: PartitionState, inIndex: number, bytes: number): boolean {
    for (const [name, room] of rooms) {
      if (total + inIndex + bytes <= maxBytes) return true
      if (room === mine) continue
      rooms.delete(name)
      total -= room.bytes
      room.held = false
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

  /** `bytes`: what it takes beside its place in the index. */
  function place(room: PartitionState, id: string, { vector, pinned, expires }: Placed, bytes = 0): boolean {
    if (vector.length !== dims || expires <= Date.now()) return false
    const inIndex = room.index.has(id) ? 0 : vector.length + ENTRY_BYTES
    if (!makeRoom(room, inIndex, bytes) && !pinned) return false
    room.index.add(id, vector, expires)
    if (pinned) room.pinned.add(id)
    else room.pinned.delete(id)
    count(room)
    return true
  }

  return {
    of,
    drop,
    /** Forgets what it knows, and keeps the room. */
    empty(room: PartitionState) {
      room.index.clear()
      room.pinned.clear()
      count(room)
    },
    place,
    /** False: a vector of another size, or one that has expired. */
    learn(room: PartitionState, id: string, sealed: Sealed): boolean {
      forget(room, id)
      const bytes = keeps ? bytesOf(sealed) : 0
      if (!place(room, id, { ...sealed, expires: expiryOf(sealed) }, bytes)) return false
      if (keeps) room.entries.set(id, sealed)
      room.entryBytes += bytes
      count(room)
      return true
    },
    /** Entries that may be loaded into a room that is empty. */
    capacity: () => Math.max(1, Math.floor(maxBytes / (dims + dims / 8 + ENTRY_BYTES))),
    all: () => [...rooms],
    clear() {
      rooms.clear()
      total = 0
    },
  }
}

/** In milliseconds since the epoch. What is pinned goes when somebody says so, or Redis after a year. */
export const expiryOf = ({ pinned, answer }: Sealed) => (pinned ? Date.now() + PINNED_MS : answer.freshUntil)

const bytesOf = ({ question, answer, vector }: Sealed) =>
  (question.length + answer.text.length) * 2 + vector.length + ENTRY_OVERHEAD
