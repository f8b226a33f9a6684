import { hash } from 'node:crypto'
import type { RedisConnection } from '../../redis/connection.ts'
import type { GraphIndex } from '../index/port.ts'
import { quantise } from '../index/quantise.ts'
import type { Partition } from '../query/partition.ts'
import { type Sealed, seal, unseal } from './codec.ts'
import type { Generations } from './generations.ts'
import { createLocalAdmin } from './local-admin.ts'
import { createPartitions, expiryOf, type PartitionState } from './partitions.ts'
import { PINNED_MS } from './pinned.ts'
import type { Entry, Neighbour, SemanticStore, StoreAdmin } from './port.ts'
import { keyOf, nameAnswer, type RedisEntries } from './redis-entries.ts'
import { createRefuted, refutedId } from './refuted.ts'
import { createSync } from './sync.ts'

/** Where processes note something in one entry at the same time. */
const MARK_TRIES = 5
/** How often neighbours are looked for again, where some turned out to be gone. */
const ROUNDS = 2

export type SemanticStoreOptions = {
  /** Redis, and what an admin can do there. Absent: entries are here, and nowhere else. */
  shared:
    | { shelf: RedisEntries; admin: StoreAdmin; link: RedisConnection; generations: Generations }
    | undefined
  dims: number
  maxBytes: number
  /** For large partitions. */
  graph: GraphIndex | undefined
  onTrouble: (error: unknown) => void
}

/**
 * Vectors in this process, by partition; entries in Redis, if there is one, or here. An entry that is found near is read
 * from Redis before it serves: what was deleted, has expired or is not ours is never given.
 */
export function createSemanticStore(options: SemanticStoreOptions): SemanticStore {
  const { shared, dims, maxBytes, graph, onTrouble } = options
  const rooms = createPartitions({ dims, maxBytes, keeps: shared === undefined, graph, onTrouble })
  const shelf = shared?.shelf
  const refuted = createRefuted(shared?.link)
  const follower = shelf && createSync(rooms, shelf)

  /** In the order of the ids, by one command; `undefined` for what is gone, or not ours. */
  async function read(
    partition: Partition,
    room: PartitionState,
    ids: string[],
    question = '',
  ): Promise<{ entries: (Sealed | undefined)[]; wrong: ReadonlySet<string> }> {
    const key = refuted.keyOf(partition, question)
    if (shelf === undefined)
      return { entries: ids.map((id) => room.entries.get(id)), wrong: refuted.among(key, null) }
    const { values, other, generation } = await shelf.get(partition, ids, key)
    const entries = await Promise.all(
      ids.map((id, at) => {
        const value = values[at]
        return value == null ? undefined : unseal(partition, id, value, generation)
      }),
    )
    return { entries, wrong: refuted.among(key, other) }
  }

  /** Notes in an entry itself that its answer is wrong for a question: it is given with that, or not at all. */
  async function mark(partition: Partition, id: string, asked: string): Promise<void> {
    const room = rooms.of(partition.name)
    if (shelf === undefined) {
      const held = room.entries.get(id)
      if (held !== undefined) rooms.learn(room, id, withRefuted(held, asked))
      return
    }
    for (let tries = 0; tries < MARK_TRIES; tries += 1) {
      const { values, generation } = await shelf.get(partition, [id])
      const [held] = values
      const sealed = held == null ? undefined : await unseal(partition, id, held, generation)
      if (held == null || sealed === undefined || sealed.refuted.includes(asked)) return
      const value = await seal(partition, id, withRefuted(sealed, asked), generation ?? '')
      if (value === undefined) return void (await shared?.admin.remove({ key: keyOf(partition, id) }))
      if (await shelf.swap(partition, id, held, value)) return
    }
  }

  async function search(
    partition: Partition,
    room: PartitionState,
    vector: Float32Array,
    count: number,
    question: string | undefined,
  ): Promise<Neighbour[]> {
    let confirmed = 0
    const asked = refutedId(question ?? '')
    for (let round = 1; ; round += 1) {
      const near = room.index.nearest(vector, count, Date.now())
      if (near.length === 0) return []
      const ids = near.map(({ id }) => id)
      const { entries, wrong } = await read(partition, room, ids, question)
      const found: Neighbour[] = []
      for (const [at, { id, cosine }] of near.entries()) {
        const sealed = entries[at]
        if (sealed !== undefined && expiryOf(sealed) > Date.now())
          found.push({
            entry: entryOf(keyOf(partition, id), sealed),
            similarity: cosine,
            ...(isRefuted(sealed, asked, wrong) && { refuted: true }),
          })
        else rooms.drop(room, id)
      }
      confirmed += found.length
      // What was deleted elsewhere hid what is next to it.
      if (found.length < near.length && round < ROUNDS) continue
      if (confirmed === 0) follower?.startAnew(room)
      return found
    }
  }

  return {
    holds({ name, ...rest }) {
      const room = rooms.of(name)
      if (follower === undefined) return room.index.size() > 0
      const looking = follower.catchUp({ name, ...rest }, room)
      // Nobody waits while a partition is loaded for the first time.
      if (!follower.isLoaded(room)) return false
      return looking !== undefined || room.index.size() > 0
    },
    async nearest(partition, vector, count, question) {
      const room = rooms.of(partition.name)
      await follower?.catchUp(partition, room)
      try {
        return await search(partition, room, vector, count, question)
      } catch {
        // Redis went away: what it cannot confirm is not found.
        return []
      }
    },
    since: (partition) => ({
      stamps: shelf?.stamps(partition) ?? NO_STAMPS,
      generation: shared?.generations.known(partition.name),
    }),
    async add(partition, vector, { question, answer, groups, exact }, since) {
      const quantised = quantise(vector)
      if (quantised === undefined || quantised.length !== dims) return false
      const room = rooms.of(partition.name)
      const id = idOf(question)
      const sealed: Sealed = {
        question,
        vector: quantised,
        answer,
        groups,
        refuted: [],
        exact,
        pinned: false,
      }
      try {
        await follower?.catchUp(partition, room)
        // The same question again takes the place of its last answer, unless somebody wants that kept.
        if (room.pinned.has(id)) {
          const [held] = (await read(partition, room, [id])).entries
          if (held?.pinned) return false
        }
        const generation = since.generation ?? (await shared?.generations.begin(partition.name)) ?? ''
        const value = await seal(partition, id, sealed, generation)
        if (value === undefined) return false
        const keptMs = answer.keptUntil - Date.now()
        const listMs = room.pinned.size > 0 ? PINNED_MS : 0
        if (since.isOver()) return false
        const { answerId } = answer
        if (answerId !== undefined && shared !== undefined)
          await nameAnswer(shared.link, answerId, keyOf(partition, id), keptMs)
        const at = await shelf?.put(partition, id, value, { keptMs, listMs }, since.stamps)
        if (at === false) return false
        if (at !== undefined) follower?.wrote(room, id, at)
      } catch {
        return false
      }
      rooms.learn(room, id, sealed)
      return true
    },
    async refute(partition, question, entries) {
      const ids = entries.map((entry) => refutedId(entry.question))
      await refuted.add(refuted.keyOf(partition, question), ids)
      const asked = refutedId(question)
      const marking = entries.map(({ id }) => mark(partition, id.slice(partition.name.length + 1), asked))
      // Redis is away: the next process to judge it notes it then.
      await Promise.allSettled(marking)
    },
    admin: shared?.admin ?? createLocalAdmin(rooms),
    async settled() {
      await Promise.all(rooms.all().map(([, room]) => follower?.looking(room)))
    },
    close: rooms.clear,
  }
}

/** Of a question: who asks the same again has the same. */
export const idOf = (question: string): string => hash('sha256', question, 'base64url').slice(0, 20)

export const entryOf = (id: string, { question, answer, groups, exact, pinned }: Sealed): Entry => ({
  id,
  question,
  answer,
  groups,
  exact,
  pinned,
})

export const withRefuted = (sealed: Sealed, asked: string): Sealed => ({
  ...sealed,
  refuted: sealed.refuted.includes(asked) ? sealed.refuted : [...sealed.refuted, asked],
})

/** Whether its answer was judged wrong for the question of that name. */
export const isRefuted = (sealed: Sealed, asked: string, wrong: ReadonlySet<string>): boolean =>
  sealed.refuted.includes(asked) || (wrong.size > 0 && wrong.has(refutedId(sealed.question)))

export const NO_STAMPS = { own: '', all: '' }
