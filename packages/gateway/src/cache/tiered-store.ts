import { LRUCache } from 'lru-cache'
import type { CacheEntry } from '../cache-entry/entry.ts'
import { epochWith } from '../cache-entry/epoch.ts'
import { type Invalidation, invalidationFrom } from '../cache-entry/invalidation.ts'
import type { RedisConnection } from '../redis/connection.ts'
import { type RedisSubscription, subscribe } from '../redis/pubsub.ts'
import { createRepeater } from '../redis/repeat.ts'
import { detached } from '../util/faults.ts'
import type { MemoryCache } from './memory-store.ts'
import { createReceipts } from './receipts.ts'
import type { RedisCache } from './redis-store.ts'
import type { CacheStore } from './store.ts'

const CHANNEL = 'gw:purge'

/** Largest number of deleted answers that are remembered. */
const MAX_DELETED = 1_000

/**
 * Last validation of a memory entry against Redis: its time by `performance.now()`, whether Redis had the entry, and the
 * purge stamps known then.
 */
type Validation = { seenAt: number; shared: boolean; version: number; stamps: string }

/**
 * Creates a store of memory before Redis. A memory entry is served at once for `localMs`; then Redis is asked whether
 * it still exists, and an entry that Redis no longer has is removed. While Redis is unavailable, memory answers
 * alone.
 */
export function createTieredCache(
  memory: MemoryCache,
  redis: RedisCache,
  { connection, localMs }: { connection: RedisConnection; localMs: number },
): CacheStore {
  const validations = new WeakMap<CacheEntry, Validation>()
  const inFlight = new Map<string, Promise<CacheEntry | undefined>>()
  const receipts = createReceipts(connection, CHANNEL)
  const deletions = createRepeater(connection.fault)
  /** Ids of answers that upstream has deleted; it gives none of them again. */
  const deleted = new LRUCache<string, true>({ max: MAX_DELETED })
  let listener: RedisSubscription | undefined
  /** No invalidation has been missed since this time, by `performance.now()`. */
  let listeningSince = Number.POSITIVE_INFINITY
  /** Validations before this time do not count: invalidations may have been missed. */
  let distrustedBefore = 0
  /** Number of invalidations received: an entry read while one arrived may be affected by it. */
  let invalidations = 0

  function applyInvalidation(invalidation: Invalidation) {
    invalidations += 1
    if ('purge' in invalidation) {
      memory.purge(invalidation.purge)
      if (invalidation.stamped !== undefined) redis.remember(invalidation.purge, invalidation.stamped)
    } else memory.forget(invalidation.answerId)
  }

  /** Whether upstream has deleted an answer whose entry Redis still holds: it was away, or a writer has restored it. */
  const isDeleted = (entry: CacheEntry | undefined) =>
    entry?.answerId !== undefined && deleted.has(entry.answerId)

  /** Subscribes on first use: an unused gateway needs no second connection. */
  function listen() {
    listener ??= subscribe(connection, CHANNEL, {
      onListening: () => {
        listeningSince = performance.now()
        distrustedBefore = listeningSince
      },
      onMessage: (message) => {
        const invalidation = invalidationFrom(message)
        if (invalidation === undefined) return
        applyInvalidation(invalidation)
        if ('purge' in invalidation && invalidation.receipt !== undefined) receipts.give(invalidation.receipt)
      },
    })
  }

  /** Whether an entry can be served without Redis. A stale one cannot: Redis may have a fresh one. */
  function isCurrent(key: string, entry: CacheEntry): boolean {
    // Without the subscription, purges of other processes go unnoticed.
    if (listener?.isListening() !== true) return false
    const validation = validations.get(entry)
    if (validation === undefined || !isUnpurged(key, validation)) return false
    const { seenAt } = validation
    return performance.now() - seenAt < localMs && seenAt >= distrustedBefore && entry.freshUntil > Date.now()
  }

  /** Redis may report a purge whose invalidation has not arrived. */
  function isUnpurged(key: string, validation: Validation): boolean {
    const version = redis.version()
    if (validation.version === version) return true
    if (validation.stamps !== stampsOf(key)) return false
    validation.version = version
    return true
  }

  /** An entry from the future was stored before this process's clock was set back. */
  const isNewer = (held: CacheEntry, found: CacheEntry) =>
    held.storedAt > found.storedAt && held.storedAt <= Date.now()

  const stampsOf = (key: string) => epochWith('', redis.stamps(key))
  const epochOf = (key: string) => epochWith(memory.epoch(key), redis.stamps(key))

  function remember(key: string, entry: CacheEntry, shared: boolean) {
    const seenAt = performance.now()
    validations.set(entry, { seenAt, shared, version: redis.version(), stamps: stampsOf(key) })
    memory.set(key, entry)
  }

  async function fetchEntry(
    key: string,
    secret: Buffer | undefined,
    retries = 3,
  ): Promise<CacheEntry | undefined> {
    listen()
    const before = invalidations
    const read = await redis.fetchEntry(key, secret, memory.get(key))
    const found = read !== 'unavailable' && isDeleted(read) ? undefined : read
    // Another call may have stored an entry here while Redis was asked.
    const held = memory.get(key)
    if (found === 'unavailable') return held
    if (found !== undefined && !(held !== undefined && isNewer(held, found))) {
      // The entry may have been purged since, and no second invalidation would come.
      if (invalidations !== before)
        return retries > 0 ? await fetchEntry(key, secret, retries - 1) : undefined
      remember(key, found, true)
      return found
    }
    if (held === undefined || isCurrent(key, held)) return held
    const validation = validations.get(held)
    // Redis never had it, because it was full; and no invalidation can have been missed.
    const neverShared = validation !== undefined && !validation.shared && validation.seenAt >= listeningSince
    if (neverShared && isUnpurged(key, validation)) {
      validation.seenAt = performance.now()
      return held
    }
    memory.delete(key)
    return undefined
  }

  return {
    get(key, secret) {
      const held = memory.get(key)
      if (held !== undefined && isCurrent(key, held)) return held
      const known = inFlight.get(key)
      if (known !== undefined) return known
      const lookup = fetchEntry(key, secret)
      inFlight.set(key, lookup)
      // Also after a failure: a failed lookup would otherwise fail all later ones.
      const forget = () => void inFlight.delete(key)
      detached(lookup.then(forget, forget), connection.fault, 'the cache')
      return lookup
    },
    epoch: epochOf,
    async set(key, entry, { secret, epoch = epochOf(key) } = {}) {
      listen()
      if (epoch !== epochOf(key)) return false
      remember(key, entry, false)
      const stored = await redis.set(key, entry, { ...(secret && { secret }), epoch })
      // Redis knew of a purge that this process had not seen.
      if (!stored && epoch !== epochOf(key) && memory.get(key) === entry) memory.delete(key)
      const validation = validations.get(entry)
      if (stored && validation !== undefined) validation.shared = true
      return stored
    },
    async forget(answerId) {
      applyInvalidation({ answerId })
      deleted.set(answerId, true)
      const deletion = deletions.run(answerId, async () => {
        await redis.forget(answerId)
        await publish({ answerId })
      })
      await deletion.catch((error: unknown) => connection.fault(error, 'a deletion'))
    },
    async purge(what) {
      applyInvalidation({ purge: what })
      const stamped = await redis.begin(what)
      const removed = await redis.sweep(what)
      // Removes entries of reads that began before the deletion.
      applyInvalidation({ purge: what })
      await receipts.collect((receipt) =>
        JSON.stringify({ purge: what, receipt, stamped } satisfies Invalidation),
      )
      return removed
    },
    settled: redis.settled,
    close() {
      deletions.close()
      listener?.close()
      listener = undefined
      memory.close()
    },
  }

  async function publish(invalidation: Invalidation) {
    applyInvalidation(invalidation)
    await connection.run((client) => client.publish(CHANNEL, JSON.stringify(invalidation)))
  }
}
