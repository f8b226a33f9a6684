import { parseObject } from '../json.ts'
import type { Link } from '../redis/link.ts'
import { tagOf } from '../redis/tag.ts'
import { createBudget } from './budget.ts'
import { decode, encode } from './frame.ts'
import type { CacheEntry, CacheStore } from './store.ts'
import { sweep } from './sweep.ts'

export type SharedCacheStats = {
  /** Answers found in Redis, fresh or stale. */
  hits: number
  misses: number
  /** Values under our keys that were not ours, or not whole. Each was a miss as well. */
  broken: number
  stored: number
  /** Of those, the bytes, as they were sent. */
  storedBytes: number
  /** Answers not stored because there was no room. */
  skipped: number
  /** There is no room now: answers are found, none are stored. */
  full: boolean
  /** Reads and writes that Redis did not answer, or answered with an error. */
  errors: number
}

export type RedisCache = CacheStore & {
  set: (key: string, entry: CacheEntry) => Promise<boolean>
  /** Like `get`, but tells an entry that is not there from a Redis that is not. */
  look: (key: string) => Promise<CacheEntry | undefined | 'unavailable'>
  stats: () => SharedCacheStats
}

/** Redis has no key for an answer's id unless upstream keeps the answer, too. */
const idKey = (answerId: string) => `gw:{${tagOf(answerId)}}:id`

/** Nobody deletes an answer by a longer id. */
const MAX_ID_CHARS = 200

/** Answers shared by all processes: one command to find one, one to keep it. */
export function createRedisCache(
  link: Link,
  { maxBytes, onFull = () => undefined }: { maxBytes: number; onFull?: () => void },
): RedisCache {
  const budget = createBudget(link, maxBytes, onFull)
  const counts = { hits: 0, misses: 0, broken: 0, stored: 0, storedBytes: 0, skipped: 0, errors: 0 }
  const writing = new Set<Promise<unknown>>()

  async function look(key: string): Promise<CacheEntry | undefined | 'unavailable'> {
    let value: Buffer | null
    try {
      value = await link.ask((client) => client.getBuffer(key))
    } catch (error) {
      // Somebody put a list or a set there.
      if (error instanceof Error && /WRONGTYPE/.test(error.message)) return broken()
      counts.errors += 1
      return 'unavailable'
    }
    if (value === null) {
      counts.misses += 1
      return undefined
    }
    const entry = await decode(value)
    if (entry === undefined || parseObject(entry.text) === undefined) return broken()
    counts.hits += 1
    return entry
  }

  function broken(): undefined {
    counts.broken += 1
    counts.misses += 1
  }

  async function put(key: string, entry: CacheEntry): Promise<boolean> {
    try {
      const value = await encode(entry)
      const ttl = Math.ceil(entry.keptUntil - Date.now())
      if (ttl <= 0) return false
      if (!(await budget.hasRoom(value.length + key.length))) {
        counts.skipped += 1
        return false
      }
      const { answerId } = entry
      // Sent together; the entry must not be there without its id, or a DELETE could not find it.
      if (answerId !== undefined) {
        if (answerId.length > MAX_ID_CHARS) return false
        await link.ask((client) => client.set(idKey(answerId), key, 'PX', ttl))
      }
      await link.ask((client) => client.set(key, value, 'PX', ttl))
      counts.stored += 1
      counts.storedBytes += value.length
      return true
    } catch (error) {
      if (budget.refused(error)) counts.skipped += 1
      else counts.errors += 1
      return false
    }
  }

  function set(key: string, entry: CacheEntry): Promise<boolean> {
    const write = put(key, entry)
    writing.add(write)
    void write.then(() => writing.delete(write))
    return write
  }

  return {
    look,
    async get(key) {
      const found = await look(key)
      return found === 'unavailable' ? undefined : found
    },
    set,
    async forget(answerId) {
      if (answerId.length > MAX_ID_CHARS) return
      try {
        const id = idKey(answerId)
        const key = await link.ask((client) => client.get(id))
        if (key === null || !isEntryKey(key)) return
        await Promise.all([key, id].map((gone) => link.ask((client) => client.unlink(gone))))
      } catch {
        counts.errors += 1
      }
    },
    purge: (what) => sweep(link, what),
    settled: async () => void (await Promise.all(writing)),
    close: () => undefined,
    stats: () => ({ ...counts, full: budget.isFull() }),
  }
}

const isEntryKey = (key: string) => /^gw:\{[^}]*\}:x:/.test(key)
