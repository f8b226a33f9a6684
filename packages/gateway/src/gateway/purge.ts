import type { CacheStore } from '../cache/store.ts'
import type { PurgeFilter } from '../cache-entry/purge-filter.ts'
import type { LazySemanticCache } from './lazy-semantic.ts'

/**
 * Deletes matching answers from both caches and returns their number. A key of either cache also deletes the copy of the
 * same answer in the other.
 * @throws RedisUnavailable when entries in Redis cannot be reached.
 */
export async function purgeAll(
  filter: PurgeFilter,
  cache: CacheStore,
  semanticCache: LazySemanticCache,
): Promise<number> {
  const keys = await keysOf(filter, semanticCache)
  let deleted = 0
  // First the exact cache: its epoch then keeps earlier calls from storing their answers in either.
  const exact = await Promise.allSettled(keys.map(async (key) => await cache.purge({ ...filter, ...key })))
  for (const key of keys) deleted += await semanticCache.admin.remove({ ...filter, ...key })
  for (const result of exact) {
    if (result.status === 'rejected') throw result.reason
    deleted += result.value
  }
  return deleted
}

async function keysOf({ key }: PurgeFilter, semanticCache: LazySemanticCache): Promise<{ key?: string }[]> {
  if (key === undefined) return [{}]
  const twin = await semanticCache.exactOf(key).catch(() => undefined)
  return twin === undefined ? [{ key }] : [{ key }, { key: twin }]
}
