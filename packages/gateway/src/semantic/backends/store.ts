import { type RedisConnection, RedisUnavailable } from '../../redis/connection.ts'
import { backoffMs } from '../../util/backoff.ts'
import { isInstance } from '../../util/error-text.ts'
import { raceAbort } from '../../util/timeout.ts'
import { signalAfter } from '../../util/timers.ts'
import { lengthOf, normalised, quantise } from '../index/quantise.ts'
import type { Partition } from '../query/partition.ts'
import { createSemanticAdmin } from '../store/admin.ts'
import { seal, unseal } from '../store/codec.ts'
import type { Generations } from '../store/generations.ts'
import { expiryOf } from '../store/partitions.ts'
import type { Candidate, EntrySource, SemanticStore } from '../store/port.ts'
import { nameAnswer } from '../store/redis-entries.ts'
import { createRefuted, refutedId } from '../store/refuted.ts'
import { type Amendment, checkedAs, entryOf, idOf, isRefuted, NO_STAMPS, refutedFor } from '../store/store.ts'
import type { VectorBackend } from './port.ts'
import { createBackendSource } from './source.ts'

type BackendStoreOptions = {
  backend: VectorBackend
  dims: number
  secret: string | undefined
  /** Entries in Redis, for a backend that keeps its entries there. */
  source: EntrySource | undefined
  /** Generations of entries in Redis; entries elsewhere have a single one. */
  generations: Generations
  /** Shares refuted answers between processes. Absent: each process knows its own. */
  redis?: RedisConnection | undefined
  keyLocking?: boolean
  /** Called for each failure of the backend. */
  onError: (error: unknown) => void
}

/** Longest search in milliseconds; the call's own deadline may end it sooner. */
const SEARCH_MS = 1_000
const WRITE_MS = 5_000
/** Milliseconds without requests to the backend after a failure: at first, and at most. */
const BACKOFF = { min: 250, max: 15_000 }

/**
 * Creates a store over a vector backend. Its results are not trusted: each signature is verified, and each cosine is
 * computed from the signed vector.
 */
export function createBackendStore({
  backend,
  dims,
  secret,
  source,
  generations,
  redis,
  keyLocking,
  onError,
}: BackendStoreOptions): SemanticStore {
  const refuted = createRefuted(redis, keyLocking)
  const admin = createSemanticAdmin(createBackendSource(backend, secret, source, generations))
  let failures = 0
  let unavailableUntil = 0
  const isUnavailable = () => performance.now() < unavailableUntil

  async function guarded<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const signal = signalAfter(ms)
    try {
      const result = await raceAbort(work(signal), signal)
      failures = 0
      return result
    } catch (error) {
      failures += 1
      unavailableUntil = performance.now() + backoffMs(failures, BACKOFF)
      // The Redis connection logs its own failures.
      if (!isInstance(error, RedisUnavailable)) onError(signal.aborted ? `no answer within ${ms} ms` : error)
      throw error
    }
  }

  async function add(...[partition, vector, entry, since]: Parameters<SemanticStore['add']>) {
    const quantised = quantise(vector)
    if (quantised === undefined || quantised.length !== dims || isUnavailable()) return false
    const place = { partition: partition.name, id: idOf(entry.question) }
    return await guarded(WRITE_MS, async (signal) => {
      const generation = since.generation ?? (await generations.begin(partition.name))
      const { unchecked, asker = '', ...kept } = entry
      const fresh = {
        ...kept,
        vector: quantised,
        refuted: [],
        pinned: false,
        asker,
        checked: unchecked === undefined,
      }
      const value = await seal(partition, place.id, fresh, generation)
      if (value === undefined) return false
      // A pinned entry is not replaced.
      const held = await backend.get(place, signal)
      const sealed = held && (await unseal(partition, place.id, held, generation))
      if (sealed?.pinned || since.isOver()) return false
      const { answerId, keptUntil } = entry.answer
      if (answerId !== undefined && redis !== undefined && backend.scan === undefined)
        await nameAnswer(redis, answerId, `${place.partition}:${place.id}`, keptUntil - Date.now())
      return await backend.put({ ...place, value, vector: quantised, expires: keptUntil }, signal)
    })
  }

  async function amend(partition: Partition, key: string, change: Amendment) {
    const id = key.slice(partition.name.length + 1)
    await guarded(WRITE_MS, async (signal) => {
      const place = { partition: partition.name, id }
      const [held, generation] = await Promise.all([
        backend.get(place, signal),
        generations.load(partition.name),
      ])
      const sealed = held && (await unseal(partition, id, held, generation))
      const changed = sealed && change(sealed)
      if (changed === undefined) return
      const value = await seal(partition, id, changed, generation ?? '')
      if (value === undefined) return void (await admin.remove({ key }))
      await backend.put({ ...place, value, vector: changed.vector, expires: expiryOf(changed) }, signal)
    })
  }

  return {
    // Whether a backend holds entries is unknown without a request. While it is unavailable, no vector is computed for
    // it.
    holds: () => !isUnavailable(),
    async nearest(partition, vector, count, question = '') {
      const unit = vector.length === dims ? normalised(vector) : undefined
      const query = unit && quantise(unit)
      if (unit === undefined || query === undefined || isUnavailable()) return []
      try {
        const asked = refutedId(question)
        const [likely, wrong, generation] = await Promise.all([
          guarded(SEARCH_MS, (signal) => backend.nearest(partition.name, query, count, signal)),
          refuted.load(refuted.keyOf(partition, question)),
          generations.load(partition.name),
        ])
        const found = await Promise.all(
          likely.map(async ({ id, value }): Promise<Candidate[]> => {
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
      await Promise.allSettled(entries.map(({ id }) => amend(partition, id, refutedFor(asked))))
    },
    async check(partition, entries) {
      await Promise.allSettled(entries.map(({ id, answer }) => amend(partition, id, checkedAs(answer))))
    },
    snapshot: ({ name }) => ({ stamps: NO_STAMPS, generation: generations.current(name) }),
    admin,
    settled: refuted.settled,
    close: () => undefined,
  }
}

function cosine(unit: Float32Array, values: Int8Array): number {
  let sum = 0
  for (let at = 0; at < values.length; at += 1) sum += (unit[at] ?? 0) * (values[at] ?? 0)
  return sum / lengthOf(values)
}
