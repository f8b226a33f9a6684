import { LRUCache } from 'lru-cache'
import type { CacheEntry } from '../cache-entry/entry.ts'
import { createGenerations } from '../cache-entry/epoch.ts'
import { matches } from '../cache-entry/purge-filter.ts'
import type { CacheStore } from './store.ts'

/** Estimated size of an entry besides its text, in bytes: key, headers, bookkeeping. */
const OVERHEAD_BYTES = 600

/** The store port, synchronous. */
export type MemoryCache = {
  [Name in Exclude<keyof CacheStore, 'settled'>]: (
    ...args: Parameters<CacheStore[Name]>
  ) => Exclude<ReturnType<CacheStore[Name]>, Promise<unknown>>
} & {
  settled: CacheStore['settled']
  delete: (key: string) => void
  size: () => { entries: number; bytes: number }
}

/** Creates the store of the embedded default: an LRU cache in this process's memory. */
export function createMemoryCache(maxBytes: number): MemoryCache {
  const entries = new LRUCache<string, CacheEntry>({
    maxSize: maxBytes,
    sizeCalculation: (entry) => entry.text.length * 2 + OVERHEAD_BYTES,
  })

  const generations = createGenerations()

  function drop(which: (key: string, entry: CacheEntry) => boolean): number {
    const removed = [...entries.entries()].filter(([key, entry]) => which(key, entry))
    for (const [key] of removed) entries.delete(key)
    return removed.length
  }

  return {
    get: (key) => entries.get(key),
    set(key, entry, { epoch } = {}) {
      if (epoch !== undefined && epoch !== generations.of(key)) return false
      const ttl = entry.keptUntil - Date.now()
      if (ttl > 0) entries.set(key, entry, { ttl: Math.ceil(ttl) })
      return ttl > 0
    },
    forget: (answerId) => void drop((_, entry) => entry.answerId === answerId),
    epoch: generations.of,
    purge(what) {
      generations.raise(what)
      return drop((key, entry) => matches(what, key, entry))
    },
    delete: (key) => void entries.delete(key),
    settled: () => Promise.resolve(),
    close: () => entries.clear(),
    size: () => ({ entries: entries.size, bytes: entries.calculatedSize }),
  }
}
