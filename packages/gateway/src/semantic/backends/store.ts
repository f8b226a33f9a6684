import { type RedisConnection, RedisUnavailable } from '../../redis/connection.ts'
import { raceAbort } from '../../util/timeout.ts'
import { signalAfter } from '../../util/timers.ts'
import { lengthOf, normalised, quantise } from '../index/quantise.ts'
import type { Partition } from '../query/partition.ts'
import { seal, unseal } from '../store/codec.ts'
import type { Generations } from '../store/generations.ts'
import { expiryOf } from '../store/partitions.ts'
import type { Neighbour, SemanticStore, StoreAdmin } from '../store/port.ts'
import { nameAnswer } from '../store/redis-entries.ts'
import { createRefuted, refutedId } from '../store/refuted.ts'
import { entryOf, idOf, isRefuted, NO_STAMPS, withRefuted } from '../store/store.ts'
import { createBackendAdmin } from './admin.ts'
import type { VectorBackend } from './port.ts'

type BackendStoreOptions = {
  shelves: VectorBackend
  dims: number
  secret: string | undefined
  /** What an admin can do in Redis, for engines that keep their entries there. */
  inRedis: StoreAdmin | undefined
  /** Of entries that are kept there; of all others there is but one. */
  generations: Generations
  /** Where processes tell each other of answers that were judged wrong; absent: each knows its own. */
  link?: RedisConnection | undefined
  /** Told what is wrong, whenever something is. */
  onTrouble: (error: unknown) => void
}

/** Longer than this nobody waits for what is near; the call may go on sooner. */
const SEARCH_MS = 1_000
const WRITE_MS = 5_000
/** So long an engine that failed is left alone: at first, and at most. */
const [PAUSE_MIN_MS, PAUSE_MAX_MS] = [250, 15_000]

/**
 * Vectors and entries in a database of their own. What it says is near is believed as little as what is in Redis: the
 * signature is checked, and the cosine is taken of the vector that was signed.
 */
export function createBackendStore({
  shelves,
  dims,
  secret,
  inRedis,
  generations,
  link,
  onTrouble,
}: BackendStoreOptions): SemanticStore {
  const refuted = createRefuted(link)
  const admin = createBackendAdmin(shelves, secret, inRedis, generations)
  let strikes = 0
  let awayUntil = 0
  const isAway = () => performance.now() < awayUntil

  async function guarded<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const signal = signalAfter(ms)
    try {
      const result = await raceAbort(work(signal), signal)
      strikes = 0
      return result
    } catch (error) {
      strikes += 1
      const pause = Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** (strikes - 1))
      awayUntil = performance.now() + pause * (0.5 + Math.random() / 2)
      // Of Redis it is said elsewhere.
      if (!(error instanceof RedisUnavailable))
        onTrouble(signal.aborted ? `no answer within ${ms} ms` : error)
      throw error
    }
  }

  async function add(...[partition, vector, entry, since]: Parameters<SemanticStore['add']>) {
    const quantised = quantise(vector)
    if (quantised === undefined || quantised.length !== dims || isAway()) return false
    const place = { partition: partition.name, id: idOf(entry.question) }
    return await guarded(WRITE_MS, async (signal) => {
      const generation = since.generation ?? (await generations.begin(partition.name))
      const fresh = { ...entry, vector: quantised, refuted: [], pinned: false }
      const value = await seal(partition, place.id, fresh, generation)
      if (value === undefined) return false
      // Unless somebody wants the last answer kept.
      const held = await shelves.get(place, signal)
      const sealed = held && (await unseal(partition, place.id, held, generation))
      if (sealed?.pinned || since.isOver()) return false
      const { answerId, keptUntil } = entry.answer
      if (answerId !== undefined && link !== undefined && shelves.browse === undefined)
        await nameAnswer(link, answerId, `${place.partition}:${place.id}`, keptUntil - Date.now())
      return await shelves.put({ ...place, value, vector: quantised, expires: keptUntil }, signal)
    })
  }

  /** Notes in an entry itself that its answer is wrong for a question. */
  async function mark(partition: Partition, id: string, asked: string) {
    await guarded(WRITE_MS, async (signal) => {
      const place = { partition: partition.name, id }
      const [held, generation] = await Promise.all([
        shelves.get(place, signal),
        generations.load(partition.name),
      ])
      const sealed = held && (await unseal(partition, id, held, generation))
      if (sealed === undefined || sealed.refuted.includes(asked)) return
      const value = await seal(partition, id, withRefuted(sealed, asked), generation ?? '')
      const key = `${partition.name}:${id}`
      if (value === undefined) return void (await admin.remove({ key }))
      await shelves.put({ ...place, value, vector: sealed.vector, expires: expiryOf(sealed) }, signal)
    })
  }

  return {
    // What others have put there costs a question to find out. While it is away, no vector is made for it.
    holds: () => !isAway(),
    async nearest(partition, vector, count, question = '') {
      const unit = vector.length === dims ? normalised(vector) : undefined
      const query = unit && quantise(unit)
      if (unit === undefined || query === undefined || isAway()) return []
      try {
        const asked = refutedId(question)
        const [likely, wrong, generation] = await Promise.all([
          guarded(SEARCH_MS, (signal) => shelves.nearest(partition.name, query, count, signal)),
          refuted.load(refuted.keyOf(partition, question)),
          generations.load(partition.name),
        ])
        const found = await Promise.all(
          likely.map(async ({ id, value }): Promise<Neighbour[]> => {
            const sealed = await unseal(partition, id, value, generation)
            if (sealed === undefined || sealed.vector.length !== dims || expiryOf(sealed) <= Date.now())
              return []
            const similarity = cosine(unit, sealed.vector)
            const entry = entryOf(`${partition.name}:${id}`, sealed)
            return [{ entry, similarity, ...(isRefuted(sealed, asked, wrong) && { refuted: true }) }]
          }),
        )
        return found
          .flat()
          .toSorted((a, b) => b.similarity - a.similarity)
          .slice(0, count)
      } catch {
        return []
      }
    },
    add: (...entry) => add(...entry).catch(() => false),
    async refute(partition, question, entries) {
      const ids = entries.map((entry) => refutedId(entry.question))
      await refuted.add(refuted.keyOf(partition, question), ids)
      const asked = refutedId(question)
      await Promise.allSettled(
        entries.map(({ id }) => mark(partition, id.slice(partition.name.length + 1), asked)),
      )
    },
    since: ({ name }) => ({ stamps: NO_STAMPS, generation: generations.known(name) }),
    admin,
    settled: async () => undefined,
    close: () => undefined,
  }
}

function cosine(unit: Float32Array, values: Int8Array): number {
  let sum = 0
  for (let at = 0; at < values.length; at += 1) sum += (unit[at] ?? 0) * (values[at] ?? 0)
  return sum / lengthOf(values)
}
