import { setSoon } from '../../util/timers.ts'
import type { Partition } from '../query/partition.ts'
import { type Sealed, unseal } from './codec.ts'
import { expiryOf, type PartitionState, type Partitions, type Placed } from './partitions.ts'
import { type IndexedId, isId, LISTED, type RedisEntries } from './redis-entries.ts'

/** How far this process has followed a partition. */
type SyncState = {
  /** When Redis was last asked what is new, by this process's clock. */
  lookedAt: number
  /** Whether all that there is has been looked at. */
  loaded: boolean
  looking: Promise<void> | undefined
  /** Of the ids that the next look comes upon again, when they were put there. */
  seen: Map<string, number>
}

/** So old may be what is known of other processes' entries. */
const FRESH_MS = 1_000
/** Clocks of processes differ; entries are looked for a little further back, and ahead, than needed. */
const OVERLAP_MS = 30_000
/** Entries read by one command: at first, at most, and as many as come within a fraction of its deadline. */
const [FIRST_PAGE, LAST_PAGE, PAGE_BYTES] = [25, 200, 1024 * 1024]
/** Pages in a row without an entry of ours, after which there are none: what has expired is at the end of the list. */
const MAX_EMPTY_PAGES = 20
/** Of what is new, no more is looked at in one go. */
const MAX_NEW = 10_000
/** Entries put into an index at a time. */
const YIELD_EVERY = 500

/** Keeps what this process knows of partitions as Redis has it. */
export function createSync(rooms: Partitions, shelf: RedisEntries) {
  const followed = new WeakMap<PartitionState, SyncState>()
  let atOnce = FIRST_PAGE

  function of(room: PartitionState): SyncState {
    const known = followed.get(room)
    if (known !== undefined) return known
    const it = { lookedAt: 0, loaded: false, looking: undefined, seen: new Map<string, number>() }
    followed.set(room, it)
    return it
  }

  /** Newest first, until `wanted` is satisfied. */
  async function list(partition: Partition, from: number, wanted: number): Promise<IndexedId[]> {
    const listed: IndexedId[] = []
    const until = Date.now() + OVERLAP_MS
    for (let page = 0; listed.length < wanted; page += 1) {
      const some = await shelf.newest(partition, from, until, page)
      listed.push(...some)
      if (some.length < LISTED) break
    }
    return listed
  }

  /** What is not ours is passed over; of what is gone, the list is rid. */
  async function read(partition: Partition, ids: string[]): Promise<{ id: string; sealed: Sealed }[]> {
    const { values, generation } = await shelf.get(partition, ids)
    const bytes = values.reduce((sum, value) => sum + (value?.length ?? 0), 1)
    atOnce = Math.max(1, Math.min(LAST_PAGE, atOnce * 2, Math.floor((PAGE_BYTES * ids.length) / bytes)))
    const found = await Promise.all(
      ids.map(async (id, at) => {
        const value = values[at]
        const sealed = value == null ? undefined : await unseal(partition, id, value, generation)
        return sealed === undefined ? [] : [{ id, sealed }]
      }),
    )
    const gone = ids.filter((_, at) => values[at] == null)
    if (gone.length > 0) await shelf.unlist(partition, gone)
    return found.flat()
  }

  async function load(partition: Partition, room: PartitionState, listed: IndexedId[]) {
    const loaded: (Placed & { id: string })[] = []
    let barren = 0
    const ids = [...new Set(listed.map(({ id }) => id).filter(isId))]
    for (let from = 0; from < ids.length && barren < MAX_EMPTY_PAGES; ) {
      if (!room.held) return
      const some = ids.slice(from, from + atOnce)
      from += some.length
      const found = await read(partition, some)
      barren = found.length === 0 ? barren + 1 : 0
      // The answers would take more than this process may hold.
      for (const { id, sealed } of found)
        loaded.push({ id, vector: sealed.vector, pinned: sealed.pinned, expires: expiryOf(sealed) })
    }
    // The oldest first, which is the order in which they give way. What came meanwhile is newer than all of them.
    loaded.reverse()
    for (const [at, placed] of loaded.entries()) {
      if (!room.index.has(placed.id)) rooms.place(room, placed.id, placed)
      if (at % YIELD_EVERY === YIELD_EVERY - 1) await turn()
    }
  }

  async function look(partition: Partition, room: PartitionState, it: SyncState): Promise<void> {
    const at = Date.now()
    try {
      // What there was of purges, before anything is asked of upstream that could be kept.
      if (!it.loaded) await shelf.get(partition, [])
      const from = it.loaded ? it.lookedAt - OVERLAP_MS : 0
      const listed = await list(partition, from, it.loaded ? MAX_NEW : rooms.capacity())
      const fresh = listed.filter(({ id, at }) => it.seen.get(id) !== at)
      if (it.loaded) await catchUp(partition, room, fresh)
      else await load(partition, room, fresh)
      it.seen = new Map(listed.filter((one) => one.at >= at - OVERLAP_MS).map(({ id, at }) => [id, at]))
      it.loaded = true
    } catch {
      // Redis is away. Nothing is found that it would have to confirm; it is asked again in a while.
    }
    it.lookedAt = at
  }

  async function catchUp(partition: Partition, room: PartitionState, listed: IndexedId[]) {
    const ids = [...new Set(listed.map(({ id }) => id).filter(isId))].reverse()
    for (let from = 0; from < ids.length; ) {
      const some = ids.slice(from, from + atOnce)
      from += some.length
      for (const { id, sealed } of await read(partition, some)) rooms.learn(room, id, sealed)
    }
  }

  return {
    isLoaded: (room: PartitionState) => of(room).loaded,
    /** Not more than once a second. `undefined`: there is nothing to wait for. */
    catchUp(partition: Partition, room: PartitionState): Promise<void> | undefined {
      const it = of(room)
      if (Date.now() - it.lookedAt < FRESH_MS) return it.looking
      it.looking ??= look(partition, room, it).finally(() => {
        it.looking = undefined
      })
      return it.looking
    },
    /** What this process has put there itself. */
    wrote: (room: PartitionState, id: string, at: number) => void of(room).seen.set(id, at),
    looking: (room: PartitionState) => of(room).looking,
    /** Redis has lost what it had: all is loaded again. */
    startAnew(room: PartitionState) {
      rooms.empty(room)
      followed.delete(room)
    },
  }
}

const turn = () => new Promise<void>((resolve) => void setSoon(resolve))
