import type { CacheEntry } from '../entry/entry.ts'
import { epochWith } from '../entry/epoch.ts'
import { type Invalidation, invalidationFrom } from '../entry/invalidation.ts'
import type { RedisConnection } from '../redis/connection.ts'
import { type RedisSubscription, subscribe } from '../redis/pubsub.ts'
import { detached } from '../util/faults.ts'
import type { MemoryCache } from './memory-store.ts'
import { createReceipts } from './receipts.ts'
import type { RedisCache } from './redis-store.ts'
import type { CacheStore } from './store.ts'

const CHANNEL = 'gw:purge'

/**
 * Last validation of a memory entry against Redis: its time, whether Redis had the entry, and the purge stamps known
 * then.
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
  { link, localMs }: { link: RedisConnection; localMs: number },
): CacheStore {
  const standings = new WeakMap<CacheEntry, Validation>()
  const looking = new Map<string, Promise<CacheEntry | undefined>>()
  const receipts = createReceipts(link, CHANNEL)
  let listener: RedisSubscription | undefined
  /** No invalidation has been missed since this time. */
  let hearingSince = Number.POSITIVE_INFINITY
  /** Validations before this time do not count: invalidations may have been missed. */
  let distrustedBefore = 0
  /** Number of invalidations so far: an entry read while one arrived may be affected by it. */
  let notices = 0

  function obey(notice: Invalidation) {
    notices += 1
    if ('purge' in notice) {
      memory.purge(notice.purge)
      if (notice.stamped !== undefined) redis.remember(notice.purge, notice.stamped)
    } else memory.forget(notice.answerId)
  }

  /** Subscribes on first use: an unused gateway needs no second connection. */
  function hear() {
    listener ??= subscribe(link, CHANNEL, {
      onListening: () => {
        hearingSince = Date.now()
        distrustedBefore = hearingSince
      },
      onMessage: (message) => {
        const notice = invalidationFrom(message)
        if (notice === undefined) return
        obey(notice)
        if ('purge' in notice && notice.receipt !== undefined) receipts.give(notice.receipt)
      },
    })
  }

  /** Whether an entry can be served without Redis. A stale one cannot: Redis may have a fresh one. */
  function isCurrent(key: string, entry: CacheEntry): boolean {
    // Without the subscription, purges of other processes go unnoticed.
    if (listener?.isListening() !== true) return false
    const standing = standings.get(entry)
    if (standing === undefined || !isUnpurged(key, standing)) return false
    const { seenAt } = standing
    const now = Date.now()
    return now - seenAt < localMs && seenAt >= distrustedBefore && entry.freshUntil > now
  }

  /** Redis may report a purge whose invalidation has not arrived. */
  function isUnpurged(key: string, standing: Validation): boolean {
    const version = redis.version()
    if (standing.version === version) return true
    if (standing.stamps !== stampsOf(key)) return false
    standing.version = version
    return true
  }

  const stampsOf = (key: string) => epochWith('', redis.stamps(key))
  const epochOf = (key: string) => epochWith(memory.epoch(key), redis.stamps(key))

  function remember(key: string, entry: CacheEntry, shared: boolean) {
    standings.set(entry, { seenAt: Date.now(), shared, version: redis.version(), stamps: stampsOf(key) })
    memory.set(key, entry)
  }

  async function look(
    key: string,
    secret: Buffer | undefined,
    patience = 3,
  ): Promise<CacheEntry | undefined> {
    hear()
    const before = notices
    const found = await redis.look(key, secret)
    // Another call may have stored an entry here while Redis was asked.
    const held = memory.get(key)
    if (found === 'unavailable') return held
    if (found !== undefined && (held === undefined || held.storedAt <= found.storedAt)) {
      // The entry may have been purged since, and no second invalidation would come.
      if (notices !== before) return patience > 0 ? await look(key, secret, patience - 1) : undefined
      remember(key, found, true)
      return found
    }
    if (held === undefined || isCurrent(key, held)) return held
    const standing = standings.get(held)
    // Redis never had it, because it was full; and no invalidation can have been missed.
    const neverShared = standing !== undefined && !standing.shared && standing.seenAt >= hearingSince
    if (neverShared && isUnpurged(key, standing)) {
      standing.seenAt = Date.now()
      return held
    }
    memory.delete(key)
    return undefined
  }

  return {
    get(key, secret) {
      const held = memory.get(key)
      if (held !== undefined && isCurrent(key, held)) return held
      const known = looking.get(key)
      if (known !== undefined) return known
      const search = look(key, secret)
      looking.set(key, search)
      // Also after a failure: a failed lookup would otherwise fail all later ones.
      const forget = () => void looking.delete(key)
      detached(search.then(forget, forget), link.fault, 'the cache')
      return search
    },
    epoch: epochOf,
    async set(key, entry, { secret, epoch = epochOf(key) } = {}) {
      hear()
      if (epoch !== epochOf(key)) return false
      remember(key, entry, false)
      const stored = await redis.set(key, entry, { ...(secret && { secret }), epoch })
      // Redis knew of a purge that this process had not seen.
      if (!stored && epoch !== epochOf(key) && memory.get(key) === entry) memory.delete(key)
      const standing = standings.get(entry)
      if (stored && standing !== undefined) standing.shared = true
      return stored
    },
    async forget(answerId) {
      obey({ answerId })
      await redis.forget(answerId)
      await publish({ answerId }).catch(() => undefined)
    },
    async purge(what) {
      obey({ purge: what })
      const stamped = await redis.begin(what)
      const gone = await redis.sweep(what)
      // Removes entries of reads that began before the deletion.
      obey({ purge: what })
      await receipts.collect((receipt) =>
        JSON.stringify({ purge: what, receipt, stamped } satisfies Invalidation),
      )
      return gone
    },
    settled: redis.settled,
    close() {
      listener?.close()
      listener = undefined
      memory.close()
    },
  }

  async function publish(notice: Invalidation) {
    obey(notice)
    await link.run((client) => client.publish(CHANNEL, JSON.stringify(notice)))
  }
}
