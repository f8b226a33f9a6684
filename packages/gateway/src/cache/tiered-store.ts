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
 * What is known of an entry in memory: when it was last seen in Redis, whether it is there at all, and what had been said
 * of purges by then.
 */
type Validation = { seenAt: number; shared: boolean; version: number; stamps: string }

/**
 * Memory before Redis. What is in memory is given at once for `localMs`; then Redis is asked whether it is still
 * there, and what Redis does not know any more is forgotten. While Redis is away, memory answers by itself.
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
  /** Since then no notice can have been missed. */
  let hearingSince = Number.POSITIVE_INFINITY
  /** What was seen before then, was seen before a time of deafness. */
  let distrustedBefore = 0
  /** Notices so far: an entry that was read while one came may be one that it was about. */
  let notices = 0

  function obey(notice: Invalidation) {
    notices += 1
    if ('purge' in notice) {
      memory.purge(notice.purge)
      if (notice.stamped !== undefined) redis.remember(notice.purge, notice.stamped)
    } else memory.forget(notice.answerId)
  }

  /** Made at first use: a gateway that is never asked needs no second connection. */
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

  /** Good enough not to ask Redis, which may have a fresher one when this one is stale. */
  function isCurrent(key: string, entry: CacheEntry): boolean {
    // Only who hears of purges need not ask.
    if (listener?.isListening() !== true) return false
    const standing = standings.get(entry)
    if (standing === undefined || !isUnpurged(key, standing)) return false
    const { seenAt } = standing
    const now = Date.now()
    return now - seenAt < localMs && seenAt >= distrustedBefore && entry.freshUntil > now
  }

  /** A purge that Redis has told of may be one that no notice has told of. */
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
    // Another one may have been put here while Redis was being asked.
    const held = memory.get(key)
    if (found === 'unavailable') return held
    if (found !== undefined && (held === undefined || held.storedAt <= found.storedAt)) {
      // What was read may have gone since, and nobody would tell us a second time.
      if (notices !== before) return patience > 0 ? await look(key, secret, patience - 1) : undefined
      remember(key, found, true)
      return found
    }
    if (held === undefined || isCurrent(key, held)) return held
    const standing = standings.get(held)
    // Redis never had it, for want of room; and no notice about it can have been missed.
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
      // However it ends: one that failed would else fail every later call.
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
      // Redis knew of a purge that this process had not heard of.
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
      // Reads that began before the entries were gone.
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
