import type { CacheStore } from '../cache/store.ts'
import type { PurgeFilter } from '../entry/purge-filter.ts'
import type { LazySemanticCache } from './lazy-semantic.ts'

/**
 * Has both caches forget what matches, and says how many answers that were. One key names one answer, wherever there are
 * copies of it: the key of either cache reaches what the other has.
 * @throws RedisUnavailable when shared entries could not be reached.
 */
export async function purgeAll(
  what: PurgeFilter,
  answers: CacheStore,
  meanings: LazySemanticCache,
): Promise<number> {
  const keys = await keysOf(what, meanings)
  let gone = 0
  // Only then is nothing put there any more that was asked before.
  const exact = await Promise.allSettled(keys.map(async (key) => await answers.purge({ ...what, ...key })))
  for (const key of keys) gone += await meanings.admin.remove({ ...what, ...key })
  for (const result of exact) {
    if (result.status === 'rejected') throw result.reason
    gone += result.value
  }
  return gone
}

async function keysOf({ key }: PurgeFilter, meanings: LazySemanticCache): Promise<{ key?: string }[]> {
  if (key === undefined) return [{}]
  const twin = await meanings.exactOf(key).catch(() => undefined)
  return twin === undefined ? [{ key }] : [{ key }, { key: twin }]
}
