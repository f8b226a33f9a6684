import { LRUCache } from 'lru-cache'
import type { CacheEntry, CacheStore } from './store.ts'

/** What an entry takes besides its text: the key, the headers, the bookkeeping. */
const OVERHEAD_BYTES = 600

/** The embedded default: this process's own memory, least recently used first out. */
export function createMemoryCache(
  maxBytes: number,
): CacheStore & { size: () => { entries: number; bytes: number } } {
  const entries = new LRUCache<string, CacheEntry>({
    maxSize: maxBytes,
    sizeCalculation: (entry) => entry.text.length * 2 + OVERHEAD_BYTES,
  })
  return {
    get: (key) => entries.get(key),
    set(key, entry, ttlSeconds) {
      entries.set(key, entry, { ttl: Math.max(1, ttlSeconds * 1_000) })
    },
    forget(answerId) {
      for (const [key, entry] of entries.entries()) if (entry.answerId === answerId) entries.delete(key)
    },
    clear: () => entries.clear(),
    size: () => ({ entries: entries.size, bytes: entries.calculatedSize }),
  }
}
