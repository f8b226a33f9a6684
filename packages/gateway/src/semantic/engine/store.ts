import { type Link, RedisUnavailable } from '../../redis/link.ts'
import { signalAfter } from '../../timers.ts'
import { whileWanted } from '../../wait.ts'
import { lengthOf, normalised, quantise } from '../index/quantise.ts'
import type { SemanticAdmin } from '../store/admin.ts'
import { entryOf, idOf } from '../store/meanings.ts'
import type { Neighbour, SemanticStore } from '../store/port.ts'
import { createRefuted } from '../store/refuted.ts'
import { expiryOf } from '../store/rooms.ts'
import { seal, unseal } from '../store/seal.ts'
import { createEngineAdmin } from './admin.ts'
import type { Shelves } from './port.ts'

type EngineOptions = {
  shelves: Shelves
  dims: number
  secret: string | undefined
  /** What an admin can do in Redis, for engines that keep their entries there. */
  inRedis: SemanticAdmin | undefined
  /** Where processes tell each other of answers that were judged wrong; absent: each knows its own. */
  link?: Link | undefined
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
export function createEngineStore({
  shelves,
  dims,
  secret,
  inRedis,
  link,
  onTrouble,
}: EngineOptions): SemanticStore {
  const refuted = createRefuted(link, idOf)
  let strikes = 0
  let awayUntil = 0
  const isAway = () => performance.now() < awayUntil

  async function guarded<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const signal = signalAfter(ms)
    try {
      const result = await whileWanted(work(signal), signal)
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

  async function add(...[partition, vector, entry, epoch]: Parameters<SemanticStore['add']>) {
    const quantised = quantise(vector)
    if (quantised === undefined || quantised.length !== dims || isAway()) return false
    const place = { partition: partition.name, id: idOf(entry.question) }
    const value = await seal(partition, place.id, { ...entry, vector: quantised, pinned: false })
    if (value === undefined) return false
    return await guarded(WRITE_MS, async (signal) => {
      // Unless somebody wants the last answer kept.
      const held = await shelves.get(place, signal)
      const sealed = held && (await unseal(partition, place.id, held))
      if (sealed?.pinned || epoch?.isOver()) return false
      return await shelves.put(
        { ...place, value, vector: quantised, expires: entry.answer.keptUntil },
        signal,
      )
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
        const [likely, wrong] = await Promise.all([
          guarded(SEARCH_MS, (signal) => shelves.nearest(partition.name, query, count, signal)),
          refuted.load(refuted.keyOf(partition, question)),
        ])
        const found = await Promise.all(
          likely.map(async ({ id, value }): Promise<Neighbour[]> => {
            const sealed = await unseal(partition, id, value)
            if (sealed === undefined || sealed.vector.length !== dims || expiryOf(sealed) <= Date.now())
              return []
            const similarity = cosine(unit, sealed.vector)
            const entry = entryOf(`${partition.name}:${id}`, sealed)
            return [{ entry, similarity, ...(wrong.has(id) && { refuted: true }) }]
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
    refute: (partition, question, entry) =>
      refuted.add(refuted.keyOf(partition, question), entry.slice(partition.name.length + 1)),
    admin: createEngineAdmin(shelves, secret, inRedis),
    settled: async () => undefined,
    close: () => undefined,
  }
}

function cosine(unit: Float32Array, values: Int8Array): number {
  let sum = 0
  for (let at = 0; at < values.length; at += 1) sum += (unit[at] ?? 0) * (values[at] ?? 0)
  return sum / lengthOf(values)
}
