import { parseObject } from '../core/json.ts'
import { decode, encode } from '../entry/codec.ts'
import type { CacheEntry } from '../entry/entry.ts'
import {
  boundTo,
  createStamps,
  epochWith,
  type Stamped,
  type Stamps,
  stampFrom,
  stampsIn,
  tagIn,
} from '../entry/epoch.ts'
import type { PurgeFilter } from '../entry/purge-filter.ts'
import { createPut, mend, raise, stampKeysOf } from '../entry/put.ts'
import { asOf, createRemembered } from '../entry/remembered.ts'
import type { RedisConnection } from '../redis/connection.ts'
import { hashTag } from '../redis/hash-tag.ts'
import { createMemoryBudget } from '../redis/memory-budget.ts'
import { detached } from '../util/faults.ts'
import { isSigned, SIGNATURE_BYTES, signatureOf } from '../util/signature.ts'
import type { CacheStore, Placing } from './store.ts'
import { sweep } from './sweep.ts'

export type SharedCacheStats = {
  /** Answers found in Redis, fresh or stale. */
  hits: number
  misses: number
  /** Values under our keys that were not whole, or not signed for that place. Each was a miss as well. */
  corrupt: number
  stored: number
  /** Of those, the bytes, as they were sent. */
  storedBytes: number
  /** Answers not stored because there was no room. */
  rejected: number
  /** There is no room now: answers are found, none are stored. */
  full: boolean
  /** Reads and writes that Redis did not answer, or answered with an error. */
  errors: number
}

export type RedisCache = CacheStore & {
  set: (key: string, entry: CacheEntry, placing?: Placing) => Promise<boolean>
  /** Like `get`, but tells an entry that is not there from a Redis that is not. */
  look: (key: string, secret?: Buffer) => Promise<CacheEntry | undefined | 'unavailable'>
  /** Begins a purge, and says what it is stamped with. @throws RedisUnavailable */
  begin: (what: PurgeFilter) => Promise<Stamped>
  /** Deletes what it is about, and says how much that was. @throws RedisUnavailable */
  sweep: (what: PurgeFilter) => Promise<number>
  /** Remembers a purge, of this process or another. */
  remember: (what: PurgeFilter, stamped: Stamped) => void
  /** What is known of purges that concern a key. */
  stamps: (key: string) => Stamps
  /** Changes whenever anything new is known of purges. */
  version: () => number
  stats: () => SharedCacheStats
}

/** Redis has no key for an answer's id unless upstream keeps the answer, too. */
const idKey = (answerId: string) => `gw:{${hashTag(answerId)}}:id`

/** Nobody deletes an answer by a longer id. */
const MAX_ID_CHARS = 200

/** How often a process tells Redis what it knows better. */
const MEND_MS = 1_000

/** Signs what no secret is given for: against accidents, not against anybody who knows this program. */
const NO_SECRET: Buffer = Buffer.from('llm-gateway')

/**
 * Answers shared by all processes: one command to find one, one to keep it. Each is signed for its key and for the time
 * since the last purge of everything; a value that was changed, made up, copied from another key or kept from before such
 * a purge is a miss. What this process knows of purges counts, whatever becomes of it in Redis.
 */
export function createRedisCache(
  link: RedisConnection,
  options: { maxBytes: number; onFull?: () => void; keyLocking?: boolean },
): RedisCache {
  const { maxBytes, onFull = () => undefined, keyLocking } = options
  const store = createPut(link, keyLocking)
  const stamps = createStamps()
  const remembered = createRemembered()
  const mendedAt = new Map<string, number>()
  const budget = createMemoryBudget(link, maxBytes, onFull)
  const counts = { hits: 0, misses: 0, corrupt: 0, stored: 0, storedBytes: 0, rejected: 0, errors: 0 }
  const writing = new Set<Promise<unknown>>()

  async function look(key: string, secret = NO_SECRET): Promise<CacheEntry | undefined | 'unavailable'> {
    let values: (Buffer | null)[]
    try {
      values = await link.run((client) => client.mgetBuffer(key, ...stampKeysOf(client, key)))
    } catch {
      counts.errors += 1
      return 'unavailable'
    }
    const [value, own, all] = values
    const now = learn(key, { own: stampFrom(own), all: stampFrom(all) })
    if (value == null) {
      counts.misses += 1
      return undefined
    }
    const frame = value.subarray(0, Math.max(0, value.length - SIGNATURE_BYTES))
    if (!isSigned(value.subarray(frame.length), secret, placeOf(key, now), frame)) return corrupt()
    const entry = await decode(frame, true)
    if (entry === undefined || parseObject(entry.text) === undefined) return corrupt()
    if (remembered.covers(key, entry)) return corrupt()
    if (entry.keptUntil <= Date.now()) {
      counts.misses += 1
      return undefined
    }
    counts.hits += 1
    return entry
  }

  /** What is known by now. Where Redis tells of less, it is told, once a second at most. */
  function learn(key: string, told: Stamps): Stamps {
    const tag = tagIn(key) ?? ''
    const isWhole = stamps.learn(tag, told)
    const now = stamps.of(key)
    if (isWhole || performance.now() - (mendedAt.get(tag) ?? Number.NEGATIVE_INFINITY) < MEND_MS) return now
    mendedAt.set(tag, performance.now())
    mend(link, tag, now).catch(() => {
      counts.errors += 1
    })
    return now
  }

  function corrupt(): undefined {
    counts.corrupt += 1
    counts.misses += 1
  }

  async function put(key: string, entry: CacheEntry, { secret, epoch }: Placing): Promise<boolean> {
    try {
      const since = epoch === undefined ? stamps.of(key) : stampsIn(epoch)
      const [own, all] = asOf(since)
      const frame = await encode(own + all === 0 ? entry : { ...entry, asOf: [own, all] })
      const value = Buffer.concat([frame, signatureOf(secret ?? NO_SECRET, placeOf(key, since), frame)])
      const ttl = Math.ceil(entry.keptUntil - Date.now())
      if (ttl <= 0) return false
      if (!(await budget.hasRoom(value.length + key.length))) {
        counts.rejected += 1
        return false
      }
      const { answerId } = entry
      // Sent together; the entry must not be there without its id, or a DELETE could not find it.
      if (answerId !== undefined) {
        if (answerId.length > MAX_ID_CHARS) return false
        await link.run((client) => client.set(idKey(answerId), key, 'PX', ttl))
      }
      const outcome = await store(key, value, ttl, since)
      if (typeof outcome === 'object') {
        learn(key, outcome)
        return false
      }
      // A list or a set stood there, which reads as nothing.
      if (outcome === 'replaced') counts.corrupt += 1
      counts.stored += 1
      counts.storedBytes += value.length
      return true
    } catch (error) {
      if (budget.refused(error)) counts.rejected += 1
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

  async function begin(what: PurgeFilter): Promise<Stamped> {
    const stamped = await raise(link, what, (tag) => stamps.of(`gw:{${tag}}:`))
    remember(what, stamped)
    return stamped
  }

  function remember(what: PurgeFilter, stamped: Stamped): void {
    remembered.add(what, stamped)
    const all = stampFrom(stamped.all)
    if (all !== '') stamps.learn('', { own: '', all })
    for (const [tag, own] of Object.entries(stamped.own ?? {}))
      stamps.learn(tag, { own: stampFrom(own), all: '' })
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
        const key = await link.run((client) => client.get(id))
        if (key === null || !isEntryKey(key)) return
        await Promise.all([key, id].map((gone) => link.run((client) => client.unlink(gone))))
      } catch {
        counts.errors += 1
      }
    },
    begin,
    remember,
    sweep: (what) => sweep(link, what),
    async purge(what) {
      await begin(what)
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
