import { setSoon } from '../../util/timers.ts'
import type { Partition } from '../query/partition.ts'
import { type Sealed, unseal } from './codec.ts'
import { expiryOf, type IndexEntry, type PartitionState, type Partitions } from './partitions.ts'
import { type IndexedId, isEntryId, PAGE_SIZE, type RedisEntries } from './redis-entries.ts'

/** How far this process has loaded a partition. */
type SyncState = {
  /** When Redis was last checked for news: by `performance.now()`, and the time of day, by which writers name their entries. */
  checkedAt: number
  checkedDay: number
  /** Whether the first load is complete. */
  loaded: boolean
  loading: Promise<void> | undefined
  /** When ids were added that the next overlapping check will list again. */
  seen: Map<string, number>
}

/** Longest age in milliseconds of what is known of other processes' entries. */
const FRESH_MS = 1_000
/** Clock difference between processes that checks allow for, in milliseconds, in both directions. */
const OVERLAP_MS = 30_000
/** Entries per command: at first, at most, and limited by bytes. */
const [FIRST_PAGE, LAST_PAGE, PAGE_BYTES] = [25, 200, 1024 * 1024]
/** Pages in a row without a valid entry after which a load ends: expired ids are at the end. */
const MAX_EMPTY_PAGES = 20
/** New ids processed by one check. */
const MAX_NEW = 10_000
/** Index inserts between two yields to the event loop. */
const YIELD_EVERY = 500

/** Keeps the partitions of this process up to date with Redis. */
export function createSync(partitions: Partitions, entries: RedisEntries) {
  const states = new WeakMap<PartitionState, SyncState>()
  let pageSize = FIRST_PAGE

  function of(state: PartitionState): SyncState {
    const known = states.get(state)
    if (known !== undefined) return known
    const it = {
      checkedAt: Number.NEGATIVE_INFINITY,
      checkedDay: 0,
      loaded: false,
      loading: undefined,
      seen: new Map<string, number>(),
    }
    states.set(state, it)
    return it
  }

  /** Lists ids, newest first, until `wanted` are found. */
  async function list(partition: Partition, from: number, wanted: number): Promise<IndexedId[]> {
    const listed: IndexedId[] = []
    const until = Date.now() + OVERLAP_MS
    for (let page = 0; listed.length < wanted; page += 1) {
      const some = await entries.newest(partition, from, until, page)
      listed.push(...some)
      if (some.length < PAGE_SIZE) break
    }
    return listed
  }

  /** Reads entries. Skips invalid ones, and removes ids of absent ones from the index key. */
  async function read(partition: Partition, ids: string[]): Promise<{ id: string; sealed: Sealed }[]> {
    const { values, generation } = await entries.get(partition, ids)
    const bytes = values.reduce((sum, value) => sum + (value?.length ?? 0), 1)
    pageSize = Math.max(1, Math.min(LAST_PAGE, pageSize * 2, Math.floor((PAGE_BYTES * ids.length) / bytes)))
    const found = await Promise.all(
      ids.map(async (id, at) => {
        const value = values[at]
        const sealed = value == null ? undefined : await unseal(partition, id, value, generation)
        return sealed === undefined ? [] : [{ id, sealed }]
      }),
    )
    const gone = ids.filter((_, at) => values[at] == null)
    if (gone.length > 0) await entries.removeIds(partition, gone)
    return found.flat()
  }

  async function load(partition: Partition, state: PartitionState, listed: IndexedId[]) {
    const loaded: (IndexEntry & { id: string })[] = []
    let emptyPages = 0
    const ids = [...new Set(listed.map(({ id }) => id).filter(isEntryId))]
    for (let from = 0; from < ids.length && emptyPages < MAX_EMPTY_PAGES; ) {
      if (!state.attached) return
      const some = ids.slice(from, from + pageSize)
      from += some.length
      const found = await read(partition, some)
      emptyPages = found.length === 0 ? emptyPages + 1 : 0
      // Answers are not kept: they would exceed this process's memory limit.
      for (const { id, sealed } of found)
        loaded.push({ id, vector: sealed.vector, pinned: sealed.pinned, expires: expiryOf(sealed) })
    }
    // Inserts the oldest first, since insertion order is eviction order. Entries added meanwhile are newer.
    loaded.reverse()
    for (const [at, entry] of loaded.entries()) {
      if (!state.index.has(entry.id)) partitions.insert(state, entry.id, entry)
      if (at % YIELD_EVERY === YIELD_EVERY - 1) await yieldToEventLoop()
    }
  }

  async function refresh(partition: Partition, state: PartitionState, it: SyncState): Promise<void> {
    const checkedAt = performance.now()
    const at = Date.now()
    try {
      // Reads purge stamps before upstream is called for an answer that may be stored.
      if (!it.loaded) await entries.get(partition, [])
      // A clock that was set has left out what others wrote before or since: the newest entries are listed again.
      const isSet = Math.abs(at - it.checkedDay - (checkedAt - it.checkedAt)) > OVERLAP_MS / 2
      const from = it.loaded && !isSet ? it.checkedDay - OVERLAP_MS : 0
      const listed = await list(partition, from, it.loaded ? MAX_NEW : partitions.capacity())
      const fresh = listed.filter(({ id, at }) => it.seen.get(id) !== at)
      if (it.loaded) await catchUp(partition, state, fresh)
      else await load(partition, state, fresh)
      it.seen = new Map(listed.filter((one) => one.at >= at - OVERLAP_MS).map(({ id, at }) => [id, at]))
      it.loaded = true
    } catch {
      // Redis is down: entries cannot be confirmed, so none is found. The next check tries again.
    }
    it.checkedAt = checkedAt
    it.checkedDay = at
  }

  async function catchUp(partition: Partition, state: PartitionState, listed: IndexedId[]) {
    const ids = [...new Set(listed.map(({ id }) => id).filter(isEntryId))].reverse()
    for (let from = 0; from < ids.length; ) {
      const some = ids.slice(from, from + pageSize)
      from += some.length
      for (const { id, sealed } of await read(partition, some)) partitions.upsert(state, id, sealed)
    }
  }

  return {
    isLoaded: (state: PartitionState) => of(state).loaded,
    /** Checks at most once a second. Returns `undefined` if there is nothing to wait for. */
    catchUp(partition: Partition, state: PartitionState): Promise<void> | undefined {
      const it = of(state)
      if (performance.now() - it.checkedAt < FRESH_MS) return it.loading
      it.loading ??= refresh(partition, state, it).finally(() => {
        it.loading = undefined
      })
      return it.loading
    },
    /** Notes an entry written by this process. */
    wrote: (state: PartitionState, id: string, at: number) => void of(state).seen.set(id, at),
    loading: (state: PartitionState) => of(state).loading,
    /** Redis lost its data: loads everything again. */
    reset(state: PartitionState) {
      partitions.reset(state)
      states.delete(state)
    },
  }
}

const yieldToEventLoop = () => new Promise<void>((resolve) => void setSoon(resolve))
