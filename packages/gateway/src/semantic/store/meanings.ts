import { hash } from 'node:crypto'
import { matches, type Purge } from '../../cache/purge.ts'
import { createFlatIndex } from '../index/flat.ts'
import type { VectorIndex } from '../index/port.ts'
import { quantise } from '../index/quantise.ts'
import type { Partition } from '../scope.ts'
import { PINNED_MS, type SemanticAdmin, shown } from './admin.ts'
import type { Entry, Neighbour, SemanticStore } from './port.ts'
import { type Sealed, seal, unseal } from './seal.ts'
import type { Shelf } from './shelf.ts'

/** What this process knows of a partition. */
type Room = {
  index: VectorIndex
  /** Without Redis, the entries themselves. */
  entries: Map<string, Sealed>
  entryBytes: number
  /** When Redis was last asked what is new, by its own clock of ours; and whether it has told all of it. */
  lookedAt: number
  loaded: boolean
  looking: Promise<void> | undefined
}

/** So old may be what is known of other processes' entries. */
const FRESH_MS = 1_000
/** Clocks of processes differ; entries are looked for a little further back than needed. */
const OVERLAP_MS = 30_000
const PAGE = 100
const MAX_ENTRIES = 200_000
const ENTRY_OVERHEAD = 300
/** How often neighbours are looked for again, where some turned out to be gone. */
const ROUNDS = 2

/**
 * Vectors in this process, by partition; entries in Redis, if there is one, or here. An entry that is found near is read
 * from Redis before it serves: what was deleted, has expired or is not ours is never given.
 */
export function createMeaningStore(
  shelf: Shelf | undefined,
  remote: SemanticAdmin | undefined,
  dims: number,
  maxBytes: number,
): SemanticStore {
  const rooms = new Map<string, Room>()

  /** The one that was used longest ago is the first. */
  function roomOf({ name }: Partition): Room {
    const known = rooms.get(name)
    const room = known ?? newRoom(dims, shelf === undefined)
    rooms.delete(name)
    rooms.set(name, room)
    return room
  }

  function shrink() {
    let total = 0
    for (const room of rooms.values()) total += room.index.bytes() + room.entryBytes
    for (const [name, room] of rooms) {
      if (total <= maxBytes || rooms.size === 1) return
      total -= room.index.bytes() + room.entryBytes
      rooms.delete(name)
    }
  }

  function learn(room: Room, id: string, sealed: Sealed) {
    const { answer, vector } = sealed
    if (vector.length !== dims || answer.freshUntil <= Date.now() || room.index.size() >= MAX_ENTRIES) return
    room.index.add(id, vector, answer.freshUntil)
    if (shelf !== undefined) return
    forget(room, id)
    room.entries.set(id, sealed)
    room.entryBytes += bytesOf(sealed)
  }

  function forget(room: Room, id: string) {
    const held = room.entries.get(id)
    if (held === undefined) return
    room.entries.delete(id)
    room.entryBytes -= bytesOf(held)
  }

  function drop(room: Room, id: string) {
    room.index.remove(id)
    forget(room, id)
  }

  /** Learns of what other processes have put there since; at first, of everything. */
  async function look(partition: Partition, room: Room, shelf: Shelf): Promise<void> {
    const at = Date.now()
    try {
      const ids = await shelf.since(partition, room.loaded ? room.lookedAt - OVERLAP_MS : 0)
      const unknown = ids.filter((id) => !room.index.has(id)).slice(-MAX_ENTRIES)
      for (let from = 0; from < unknown.length; from += PAGE) {
        const page = unknown.slice(from, from + PAGE)
        const values = await shelf.get(partition, page)
        const gone = page.filter((_, at) => values[at] == null)
        for (const [at, value] of values.entries()) {
          const id = page[at] ?? ''
          const sealed = value == null ? undefined : await unseal(partition, id, value)
          if (sealed !== undefined) learn(room, id, sealed)
        }
        if (gone.length > 0) await shelf.remove(partition, gone)
      }
      room.loaded = true
    } catch {
      // Redis is away. Nothing is found that it would have to confirm; it is asked again in a while.
    }
    room.lookedAt = at
    shrink()
  }

  /** Not more than once a second. */
  function catchUp(partition: Partition, room: Room): Promise<void> | undefined {
    if (shelf === undefined || Date.now() - room.lookedAt < FRESH_MS) return room.looking
    room.looking ??= look(partition, room, shelf).finally(() => {
      room.looking = undefined
    })
    return room.looking
  }

  /** In the order of the ids, by one command; `undefined` for what is gone, or not ours. */
  async function read(partition: Partition, room: Room, ids: string[]): Promise<(Sealed | undefined)[]> {
    if (shelf === undefined) return ids.map((id) => room.entries.get(id))
    const values = await shelf.get(partition, ids)
    return await Promise.all(
      ids.map((id, at) => {
        const value = values[at]
        return value == null ? undefined : unseal(partition, id, value)
      }),
    )
  }

  return {
    holds(partition) {
      const room = roomOf(partition)
      const looking = catchUp(partition, room)
      // Nobody waits while a partition is loaded for the first time.
      if (!room.loaded) return false
      return looking !== undefined || room.index.size() > 0
    },
    async nearest(partition, vector, count) {
      const room = roomOf(partition)
      await catchUp(partition, room)
      try {
        for (let round = 1; ; round += 1) {
          const near = room.index.nearest(vector, count, Date.now())
          if (near.length === 0) return []
          const entries = await read(partition, room, ids(near))
          const found: Neighbour[] = []
          for (const [at, { id, cosine }] of near.entries()) {
            const sealed = entries[at]
            if (sealed !== undefined && sealed.answer.freshUntil > Date.now())
              found.push({ entry: entryOf(id, sealed), similarity: cosine })
            else drop(room, id)
          }
          // What was deleted elsewhere hid what is next to it.
          if (found.length === near.length || round === ROUNDS) return found
        }
      } catch {
        // Redis went away: what it cannot confirm is not found.
        return []
      }
    },
    async add(partition, vector, { question, answer }) {
      const quantised = quantise(vector)
      if (quantised === undefined || quantised.length !== dims) return false
      const room = roomOf(partition)
      // The same question again takes the place of its last answer.
      const id = hash('sha256', question, 'base64url').slice(0, 20)
      const sealed = { question, vector: quantised, answer, pinned: false }
      const value = await seal(partition, id, sealed)
      if (value === undefined) return false
      try {
        const put = await shelf?.put(partition, id, value, answer.keptUntil - Date.now())
        if (put === false) return false
      } catch {
        return false
      }
      learn(room, id, sealed)
      shrink()
      return true
    },
    admin: remote ?? localAdmin(rooms),
    settled: async () => void (await Promise.all([...rooms.values()].map(({ looking }) => looking))),
    close: () => rooms.clear(),
  }
}

/** Without Redis. */
function localAdmin(rooms: Map<string, Room>): SemanticAdmin {
  const matching = (what: Purge) =>
    [...rooms].flatMap(([name, room]) =>
      [...room.entries]
        .map(([id, sealed]) => ({ room, id, sealed, key: `${name}:${id}` }))
        .filter(({ key, sealed }) => matches(what, key, sealed.answer)),
    )
  return {
    list: async (what, limit = 100) =>
      matching(what)
        .slice(0, limit)
        .map(({ key, sealed }) => shown(key, sealed)),
    async remove(what) {
      const found = matching(what)
      for (const { room, id, sealed } of found) {
        room.index.remove(id)
        room.entries.delete(id)
        room.entryBytes -= bytesOf(sealed)
      }
      return found.length
    },
    async pin(key) {
      const [found] = matching({ key })
      if (found === undefined) return false
      const { room, id, sealed } = found
      const until = Date.now() + PINNED_MS
      const pinned = {
        ...sealed,
        pinned: true,
        answer: { ...sealed.answer, freshUntil: until, keptUntil: until },
      }
      room.entries.set(id, pinned)
      room.index.add(id, pinned.vector, until)
      return true
    },
  }
}

const newRoom = (dims: number, loaded: boolean): Room => ({
  index: createFlatIndex(dims),
  entries: new Map(),
  entryBytes: 0,
  lookedAt: 0,
  loaded,
  looking: undefined,
})

const ids = (near: { id: string }[]) => near.map(({ id }) => id)

const bytesOf = ({ question, answer, vector }: Sealed) =>
  (question.length + answer.text.length) * 2 + vector.length + ENTRY_OVERHEAD

const entryOf = (id: string, { question, answer, pinned }: Sealed): Entry => ({
  id,
  question,
  answer,
  pinned,
})
