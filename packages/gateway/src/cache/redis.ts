import { detached } from '../faults.ts'
import { parseObject } from '../json.ts'
import type { Link } from '../redis/link.ts'
import { tagOf } from '../redis/tag.ts'
import { createBudget } from './budget.ts'
import { boundTo, createStamps, epochWith, type Stamps, stampFrom, stampsIn, tagIn } from './epoch.ts'
import { decode, encode } from './frame.ts'
import { createPut, raise, stampKeysOf } from './put.ts'
import { isSigned, SIGNATURE_BYTES, signatureOf } from './signature.ts'
import type { CacheEntry, CacheStore, Placing } from './store.ts'
import { sweep } from './sweep.ts'

export type SharedCacheStats = {
  /** Answers found in Redis, fresh or stale. */
  hits: number
  misses: number
  /** Values under our keys that were not whole, or not signed for that place. Each was a miss as well. */
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
  set: (key: string, entry: CacheEntry, placing?: Placing) => Promise<boolean>
  /** Like `get`, but tells an entry that is not there from a Redis that is not. */
  look: (key: string, secret?: Buffer) => Promise<CacheEntry | undefined | 'unavailable'>
  /** What it last said of purges that concern a key. */
  stamps: (key: string) => Stamps
  /** Changes whenever it says anything new of purges. */
  version: () => number
  stats: () => SharedCacheStats
}

/** Redis has no key for an answer's id unless upstream keeps the answer, too. */
const idKey = (answerId: string) => `gw:{${tagOf(answerId)}}:id`

/** Nobody deletes an answer by a longer id. */
const MAX_ID_CHARS = 200

/** Signs what no secret is given for: against accidents, not against anybody who knows this program. */
const NO_SECRET: Buffer = Buffer.from('llm-gateway')

/**
 * Answers shared by all processes: one command to find one, one to keep it. Each is signed for its key and for the time
 * since the last purge of everything; a value that was changed, made up, copied from another key or kept from before such
 * a purge is a miss.
 */
export function createRedisCache(
  link: Link,
  options: { maxBytes: number; onFull?: () => void; keyLocking?: boolean },
): RedisCache {
  const { maxBytes, onFull = () => undefined, keyLocking } = options
  const store = createPut(link, keyLocking)
  const stamps = createStamps()
  const budget = createBudget(link, maxBytes, onFull)
  const counts = { hits: 0, misses: 0, broken: 0, stored: 0, storedBytes: 0, skipped: 0, errors: 0 }
  const writing = new Set<Promise<unknown>>()

  async function look(key: string, secret = NO_SECRET): Promise<CacheEntry | undefined | 'unavailable'> {
    let values: (Buffer | null)[]
    try {
      values = await link.ask((client) => client.mgetBuffer(key, ...stampKeysOf(client, key)))
    } catch {
      counts.errors += 1
      return 'unavailable'
    }
    const [value, own, all] = values
    const now = { own: stampFrom(own), all: stampFrom(all) }
    stamps.learn(tagIn(key) ?? '', now)
    if (value == null) {
      counts.misses += 1
      return undefined
    }
    const frame = value.subarray(0, Math.max(0, value.length - SIGNATURE_BYTES))
    if (!isSigned(value.subarray(frame.length), secret, placeOf(key, now), frame)) return broken()
    const entry = await decode(frame, true)
    if (entry === undefined || parseObject(entry.text) === undefined) return broken()
    if (entry.keptUntil <= Date.now()) {
      counts.misses += 1
      return undefined
    }
    counts.hits += 1
    return entry
  }

  function broken(): undefined {
    counts.broken += 1
    counts.misses += 1
  }

  async function put(key: string, entry: CacheEntry, { secret, epoch }: Placing): Promise<boolean> {
    try {
      const since = epoch === undefined ? stamps.of(key) : stampsIn(epoch)
      const frame = await encode(entry)
      const value = Buffer.concat([frame, signatureOf(secret ?? NO_SECRET, placeOf(key, since), frame)])
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
      const outcome = await store(key, value, ttl, since)
      if (typeof outcome === 'object') {
        stamps.learn(tagIn(key) ?? '', outcome)
        return false
      }
      // A list or a set stood there, which reads as nothing.
      if (outcome === 'replaced') counts.broken += 1
      counts.stored += 1
      counts.storedBytes += value.length
      return true
    } catch (error) {
      if (budget.refused(error)) counts.skipped += 1
      else counts.errors += 1
      return false
    }
  }

  function set(key: string, entry: CacheEntry, placing: Placing = {}): Promise<boolean> {
    const write = put(key, entry, placing).catch((error: unknown) => {
      counts.errors += 1
      link.fault(error, 'storing an answer')
      return false
    })
    writing.add(write)
    const forget = write.then(() => writing.delete(write))
    detached(forget, link.fault, 'storing an answer')
    return write
  }

  return {
    look,
    stamps: stamps.of,
    version: stamps.version,
    epoch: (key) => epochWith('', stamps.of(key)),
    async get(key, secret) {
      const found = await look(key, secret)
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
    async purge(what) {
      await raise(link, what)
      return await sweep(link, what)
    },
    settled: async () => void (await Promise.allSettled(writing)),
    close: () => undefined,
    stats: () => ({ ...counts, full: budget.isFull() }),
  }
}

/** What an entry's signature covers beside its bytes. */
const placeOf = (key: string, since: Stamps) => `${key}\n${boundTo(since)}\n`

const isEntryKey = (key: string) => /^gw:\{[^}]*\}:x:/.test(key)
