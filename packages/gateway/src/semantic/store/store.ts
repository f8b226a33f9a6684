import type { CacheEntry } from '../../cache-entry/entry.ts'
import type { RedisConnection } from '../../redis/connection.ts'
import { hash } from '../../util/runtime.ts'
import type { GraphIndex } from '../index/port.ts'
import { quantise } from '../index/quantise.ts'
import type { Partition } from '../query/partition.ts'
import { createSemanticAdmin } from './admin.ts'
import { type Sealed, seal, unseal } from './codec.ts'
import type { Generations } from './generations.ts'
import { createMemorySource } from './memory-source.ts'
import { createPartitions, expiryOf, type PartitionState } from './partitions.ts'
import { PINNED_MS } from './pinned.ts'
import type { Candidate, Entry, EntrySource, SemanticStore } from './port.ts'
import { keyOf, nameAnswer, type RedisEntries } from './redis-entries.ts'
import { createRefuted, refutedId } from './refuted.ts'
import { createSync } from './sync.ts'

/** Attempts against processes that write the same entry. */
const MARK_TRIES = 5
/** Searches repeated after entries turned out to be gone. */
const ROUNDS = 2

export type SemanticStoreOptions = {
  /** Redis and its entries. Absent: entries are in this process only. */
  shared:
    | {
        entries: RedisEntries
        source: EntrySource
        redis: RedisConnection
        generations: Generations
        keyLocking?: boolean
      }
    | undefined
  dims: number
  maxBytes: number
  /** Index for large partitions. */
  graph: GraphIndex | undefined
  onError: (error: unknown) => void
}

/**
 * Creates a store with vectors in this process, and entries in Redis, or here without it. An entry is read from Redis
 * before it serves, so a deleted, expired or forged entry never does.
 */
export function createSemanticStore(options: SemanticStoreOptions): SemanticStore {
  const { shared, dims, maxBytes, graph, onError } = options
  const partitions = createPartitions({ dims, maxBytes, keepsEntries: shared === undefined, graph, onError })
  const redisEntries = shared?.entries
  const admin = createSemanticAdmin(shared?.source ?? createMemorySource(partitions))
  const refuted = createRefuted(shared?.redis, shared?.keyLocking)
  const sync = redisEntries && createSync(partitions, redisEntries)

  /** Reads entries in the order of the ids, by one command; `undefined` for absent or invalid ones. */
  async function read(
    partition: Partition,
    state: PartitionState,
    ids: string[],
    question = '',
  ): Promise<{ entries: (Sealed | undefined)[]; wrong: ReadonlySet<string> }> {
    const key = refuted.keyOf(partition, question)
    if (redisEntries === undefined)
      return { entries: ids.map((id) => state.entries.get(id)), wrong: refuted.idsOf(key, null) }
    const { values, other, generation } = await redisEntries.get(partition, ids, key)
    const entries = await Promise.all(
      ids.map((id, at) => {
        const value = values[at]
        return value == null ? undefined : unseal(partition, id, value, generation)
      }),
    )
    return { entries, wrong: refuted.idsOf(key, other) }
  }

  /** Changes an entry for all processes. One that grows beyond its limit is deleted. */
  async function amend(partition: Partition, key: string, change: Amendment): Promise<void> {
    const id = key.slice(partition.name.length + 1)
    const state = partitions.of(partition.name)
    if (redisEntries === undefined) {
      const held = state.entries.get(id)
      const changed = held && change(held)
      if (changed !== undefined) partitions.upsert(state, id, changed)
      return
    }
    for (let tries = 0; tries < MARK_TRIES; tries += 1) {
      const { values, generation } = await redisEntries.get(partition, [id])
      const [held] = values
      const sealed = held == null ? undefined : await unseal(partition, id, held, generation)
      const changed = sealed && change(sealed)
      if (held == null || changed === undefined) return
      const value = await seal(partition, id, changed, generation ?? '')
      if (value === undefined) return void (await admin.remove({ key: keyOf(partition, id) }))
      if (await redisEntries.swap(partition, id, held, value)) return
    }
  }

  async function search(
    partition: Partition,
    state: PartitionState,
    vector: Float32Array,
    count: number,
    question: string | undefined,
  ): Promise<Candidate[]> {
    let confirmed = 0
    const asked = refutedId(question ?? '')
    for (let round = 1; ; round += 1) {
      const near = state.index.nearest(vector, count, Date.now())
      if (near.length === 0) return []
      const ids = near.map(({ id }) => id)
      const { entries, wrong } = await read(partition, state, ids, question)
      const found: Candidate[] = []
      for (const [at, { id, cosine }] of near.entries()) {
        const sealed = entries[at]
        if (sealed !== undefined && expiryOf(sealed) > Date.now())
          found.push({
            entry: entryOf(keyOf(partition, id), sealed),
            similarity: cosine,
            ...(isRefuted(sealed, asked, wrong) && { refuted: true }),
          })
        else partitions.drop(state, id)
      }
      confirmed += found.length
      // Entries deleted elsewhere may have hidden their neighbours.
      if (found.length < near.length && round < ROUNDS) continue
      if (confirmed === 0) sync?.reset(state)
      return found
    }
  }

  return {
    holds({ name, ...rest }) {
      const state = partitions.of(name)
      if (sync === undefined) return state.index.size() > 0
      const loading = sync.catchUp({ name, ...rest }, state)
      // No call waits for the first load of a partition.
      if (!sync.isLoaded(state)) return false
      return loading !== undefined || state.index.size() > 0
    },
    async nearest(partition, vector, count, question) {
      const state = partitions.of(partition.name)
      await sync?.catchUp(partition, state)
      try {
        return await search(partition, state, vector, count, question)
      } catch {
        // Redis is down: an entry it cannot confirm is not found.
        return []
      }
    },
    snapshot: (partition) => ({
      stamps: redisEntries?.stamps(partition) ?? NO_STAMPS,
      generation: shared?.generations.current(partition.name),
    }),
    async add(partition, vector, { question, answer, groups, exact, asker = '', unchecked }, since) {
      const quantised = quantise(vector)
      if (quantised === undefined || quantised.length !== dims) return false
      const state = partitions.of(partition.name)
      const id = idOf(question)
      const sealed: Sealed = {
        question,
        vector: quantised,
        answer,
        groups,
        refuted: [],
        exact,
        pinned: false,
        asker,
        checked: unchecked === undefined,
      }
      try {
        await sync?.catchUp(partition, state)
        // The same question replaces its previous answer, unless that one is pinned.
        if (state.pinned.has(id)) {
          const [held] = (await read(partition, state, [id])).entries
          if (held?.pinned) return false
        }
        const generation = since.generation ?? (await shared?.generations.begin(partition.name)) ?? ''
        const value = await seal(partition, id, sealed, generation)
        if (value === undefined) return false
        const keptMs = answer.keptUntil - Date.now()
        const listMs = state.pinned.size > 0 ? PINNED_MS : 0
        if (since.isOver()) return false
        const { answerId } = answer
        if (answerId !== undefined && shared !== undefined)
          await nameAnswer(shared.redis, answerId, keyOf(partition, id), keptMs)
        const at = await redisEntries?.put(partition, id, value, { keptMs, listMs }, since.stamps)
        if (at === false) return false
        if (at !== undefined) sync?.wrote(state, id, at)
      } catch {
        return false
      }
      partitions.upsert(state, id, sealed)
      return true
    },
    async refute(partition, question, entries) {
      const ids = entries.map((entry) => refutedId(entry.question))
      await refuted.add(refuted.keyOf(partition, question), ids)
      const asked = refutedId(question)
      const marking = entries.map(({ id }) => amend(partition, id, refutedFor(asked)))
      // If Redis is down, its list alone is completed later.
      await Promise.allSettled(marking)
    },
    async check(partition, entries) {
      await Promise.allSettled(entries.map(({ id, answer }) => amend(partition, id, checkedAs(answer))))
    },
    admin,
    async settled() {
      await Promise.all([...partitions.all().map(([, state]) => sync?.loading(state)), refuted.settled()])
    },
    close: partitions.clear,
  }
}

/** Id of a question: equal texts have equal ids. */
export const idOf = (question: string): string => hash('sha256', question, 'base64url').slice(0, 20)

export const entryOf = (
  id: string,
  { question, answer, groups, exact, pinned, asker, checked }: Sealed,
): Entry => ({
  id,
  question,
  answer,
  groups,
  exact,
  pinned,
  ...(asker !== '' && { asker }),
  ...(!checked && { unchecked: true }),
})

/** Returns the new state of an entry; `undefined` if nothing changes. */
export type Amendment = (sealed: Sealed) => Sealed | undefined

/** Notes in the entry itself that its answer is wrong for a question: no process can then serve it without the note. */
export const refutedFor =
  (asked: string): Amendment =>
  (sealed) =>
    sealed.refuted.includes(asked) ? undefined : { ...sealed, refuted: [...sealed.refuted, asked] }

/**
 * Notes that its answer is no single person's, where it still is the one that was judged: a new answer to its question may have
 * replaced that meanwhile.
 */
export const checkedAs =
  (judged: CacheEntry): Amendment =>
  (sealed) =>
    sealed.checked || sealed.answer.text !== judged.text ? undefined : { ...sealed, checked: true }

/** Tells whether its answer was judged wrong for the question with this name. */
export const isRefuted = (sealed: Sealed, asked: string, wrong: ReadonlySet<string>): boolean =>
  sealed.refuted.includes(asked) || (wrong.size > 0 && wrong.has(refutedId(sealed.question)))

export const NO_STAMPS = { own: '', all: '' }
