import { LRUCache } from 'lru-cache'
import { decode, encode } from '../cache-entry/codec.ts'
import type { CacheEntry } from '../cache-entry/entry.ts'
import {
  createStamps,
  epochWith,
  madeStamps,
  type Stamped,
  type Stamps,
  signedPart,
  stampFrom,
  stampsIn,
  tagIn,
} from '../cache-entry/epoch.ts'
import type { PurgeFilter } from '../cache-entry/purge-filter.ts'
import { createPut, restoreStamps, stampKeysOf, stampPurge } from '../cache-entry/put.ts'
import { asOf, createPurgeHistory } from '../cache-entry/remembered-purges.ts'
import { parseObject } from '../core/json.ts'
import type { RedisConnection } from '../redis/connection.ts'
import { hashTag } from '../redis/hash-tag.ts'
import { createMemoryBudget } from '../redis/memory-budget.ts'
import { detached } from '../util/faults.ts'
import { isSigned, SIGNATURE_BYTES, signatureOf } from '../util/signature.ts'
import type { CacheStore, WriteOptions } from './store.ts'
import { sweep } from './sweep.ts'

export type SharedCacheStats = {
  /** Answers found in Redis, fresh or stale. */
  hits: number
  misses: number
  /** Values that were damaged, or not signed for their key. Each counts as a miss as well. */
  corrupt: number
  stored: number
  /** Bytes of the stored answers, as sent. */
  storedBytes: number
  /** Answers not stored because Redis was full. */
  rejected: number
  /** True while Redis is full: answers are read, none are stored. */
  full: boolean
  /** Reads and writes that failed or timed out. */
  errors: number
}

export type RedisCache = CacheStore & {
  set: (key: string, entry: CacheEntry, placing?: WriteOptions) => Promise<boolean>
  /**
   * Like `get`, but distinguishes a missing entry from unavailable Redis.
   * @param held An entry that this process has in memory: returned if Redis holds the same one, without reading it again.
   */
  fetchEntry: (
    key: string,
    secret?: Buffer,
    held?: CacheEntry,
  ) => Promise<CacheEntry | undefined | 'unavailable'>
  /** Removes the entry of an answer that upstream has deleted. @throws RedisUnavailable */
  forget: (answerId: string) => Promise<void>
  /** Stamps a purge in Redis; returns its stamps. @throws RedisUnavailable */
  begin: (what: PurgeFilter) => Promise<Stamped>
  /** Deletes the selected entries; returns their number. @throws RedisUnavailable */
  sweep: (what: PurgeFilter) => Promise<number>
  /** Remembers a purge, of this process or another. */
  remember: (what: PurgeFilter, stamped: Stamped) => void
  /** Returns the latest known stamps of purges that concern a key. */
  stamps: (key: string) => Stamps
  /** Changes whenever a new stamp becomes known. */
  version: () => number
  stats: () => SharedCacheStats
}

/** Written only for answers that upstream keeps, too: finds the entry when upstream is told to delete the answer. */
const idKey = (answerId: string) => `gw:{${hashTag(answerId)}}:id`

/** Entries with longer ids are not stored. */
const MAX_ID_CHARS = 200

/** Milliseconds between two attempts of a process to restore lost stamps in Redis. */
const MEND_MS = 1_000
const MAX_MENDED_TAGS = 1_000

/** Signs entries without a secret: detects accidents, not forgery. */
const NO_SECRET: Buffer = Buffer.from('llm-gateway')

/** What the signature of an entry was verified, or made, with. */
type Verified = { signature: Buffer; secret: Buffer; place: string }

/**
 * Creates the store shared by all processes: one command per read, one per write. Each entry is signed for its key
 * and for the last purge of everything; a value that was changed, forged, copied from another key or kept from before
 * such a purge is a miss. Stamps that this process knows count, even if Redis has lost them.
 */
export function createRedisCache(
  connection: RedisConnection,
  options: { maxBytes: number; onFull?: () => void; keyLocking?: boolean },
): RedisCache {
  const { maxBytes, onFull = () => undefined, keyLocking } = options
  const store = createPut(connection, keyLocking)
  const stamps = createStamps()
  const remembered = createPurgeHistory()
  const mendedAt = new LRUCache<string, number>({ max: MAX_MENDED_TAGS })
  const budget = createMemoryBudget(connection, maxBytes, onFull)
  const counts = { hits: 0, misses: 0, corrupt: 0, stored: 0, storedBytes: 0, rejected: 0, errors: 0 }
  const writing = new Set<Promise<unknown>>()
  const verified = new WeakMap<CacheEntry, Verified>()

  async function fetchEntry(
    key: string,
    secret = NO_SECRET,
    held?: CacheEntry,
  ): Promise<CacheEntry | undefined | 'unavailable'> {
    let values: (Buffer | null)[]
    try {
      values = await connection.run((client) => client.mgetBuffer(key, ...stampKeysOf(client, key)))
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
    const entry = await read(value, { secret, place: placeOf(key, now) }, held)
    if (entry === undefined || remembered.covers(key, entry)) return corrupt()
    if (entry.keptUntil <= Date.now()) {
      counts.misses += 1
      return undefined
    }
    counts.hits += 1
    return entry
  }

  /** Returns the entry of a value. One with the signature of `held` is `held`: its bytes were verified before. */
  async function read(
    value: Buffer,
    { secret, place }: Omit<Verified, 'signature'>,
    held: CacheEntry | undefined,
  ): Promise<CacheEntry | undefined> {
    const end = Math.max(0, value.length - SIGNATURE_BYTES)
    const signature = value.subarray(end)
    if (held !== undefined && isSame(verified.get(held), { signature, secret, place })) return held
    const encoded = value.subarray(0, end)
    if (!isSigned(signature, secret, place, encoded)) return undefined
    const entry = await decode(encoded, true)
    if (entry === undefined || (secret === NO_SECRET && parseObject(entry.text) === undefined))
      return undefined
    // A copy, which keeps no value in memory.
    verified.set(entry, { signature: Buffer.from(signature), secret, place })
    return entry
  }

  /** Returns the latest known stamps. If Redis has older ones, restores them, at most once per `MEND_MS`. */
  function learn(key: string, reported: Stamps): Stamps {
    const tag = tagIn(key) ?? ''
    const isWhole = stamps.learn(tag, reported)
    const now = stamps.of(key)
    if (isWhole || performance.now() - (mendedAt.get(tag) ?? Number.NEGATIVE_INFINITY) < MEND_MS) return now
    mendedAt.set(tag, performance.now())
    restoreStamps(connection, tag, now).catch(() => {
      counts.errors += 1
    })
    return now
  }

  function corrupt(): undefined {
    counts.corrupt += 1
    counts.misses += 1
  }

  async function put(
    key: string,
    entry: CacheEntry,
    { secret = NO_SECRET, epoch }: WriteOptions,
  ): Promise<boolean> {
    try {
      const since = epoch === undefined ? stamps.of(key) : stampsIn(epoch)
      const [own, all] = asOf(since)
      const encoded = await encode(own + all === 0 ? entry : { ...entry, asOf: [own, all] })
      const place = placeOf(key, since)
      const signature = signatureOf(secret, place, encoded)
      const value = Buffer.concat([encoded, signature])
      const ttl = Math.ceil(entry.keptUntil - Date.now())
      if (ttl <= 0) return false
      if (!(await budget.hasRoom(value.length + key.length))) {
        counts.rejected += 1
        return false
      }
      const { answerId } = entry
      // Sent together: an entry without its id key could not be found by a DELETE.
      if (answerId !== undefined) {
        if (answerId.length > MAX_ID_CHARS) return false
        await connection.run((client) => client.set(idKey(answerId), key, 'PX', ttl))
      }
      const outcome = await store(key, value, ttl, since)
      if (typeof outcome === 'object') {
        learn(key, outcome)
        return false
      }
      // A list or a set was stored there, which cannot be read as an entry.
      if (outcome === 'replaced') counts.corrupt += 1
      if (own + all === 0) verified.set(entry, { signature, secret, place })
      counts.stored += 1
      counts.storedBytes += value.length
      return true
    } catch (error) {
      if (budget.refused(error)) counts.rejected += 1
      else counts.errors += 1
      return false
    }
  }

  function set(key: string, entry: CacheEntry, placing: WriteOptions = {}): Promise<boolean> {
    const write = put(key, entry, placing).catch((error: unknown) => {
      counts.errors += 1
      connection.fault(error, 'storing an answer')
      return false
    })
    writing.add(write)
    const forget = write.then(() => writing.delete(write))
    detached(forget, connection.fault, 'storing an answer')
    return write
  }

  async function begin(what: PurgeFilter): Promise<Stamped> {
    const stamped = await stampPurge(connection, what, (tag) => stamps.of(`gw:{${tag}}:`))
    remember(what, stamped)
    return stamped
  }

  function remember(what: PurgeFilter, notice: Stamped): void {
    const stamped = madeStamps(notice)
    remembered.add(what, stamped)
    if (stamped.all !== undefined) stamps.learn('', { own: '', all: stamped.all })
    for (const [tag, own] of Object.entries(stamped.own ?? {})) stamps.learn(tag, { own, all: '' })
  }

  return {
    fetchEntry,
    stamps: stamps.of,
    version: stamps.version,
    epoch: (key) => epochWith('', stamps.of(key)),
    async get(key, secret) {
      const found = await fetchEntry(key, secret)
      return found === 'unavailable' ? undefined : found
    },
    set,
    async forget(answerId) {
      if (answerId.length > MAX_ID_CHARS) return
      try {
        const id = idKey(answerId)
        const key = await connection.run((client) => client.get(id))
        if (key === null || !isEntryKey(key)) return
        await Promise.all([key, id].map((removed) => connection.run((client) => client.unlink(removed))))
      } catch (error) {
        counts.errors += 1
        throw error
      }
    },
    begin,
    remember,
    sweep: (what) => sweep(connection, what),
    async purge(what) {
      await begin(what)
      return await sweep(connection, what)
    },
    settled: async () => void (await Promise.allSettled(writing)),
    close: () => undefined,
    stats: () => ({ ...counts, full: budget.isFull() }),
  }
}

/** The part of an entry's signature that binds it to its key and purges. */
const placeOf = (key: string, since: Stamps) => `${key}\n${signedPart(since)}\n`

/** Whether a value is the one that was verified, or claims to be: in either case its entry is the verified one. */
const isSame = (known: Verified | undefined, { signature, secret, place }: Verified) =>
  known !== undefined &&
  known.place === place &&
  known.secret.equals(secret) &&
  known.signature.equals(signature)

const isEntryKey = (key: string) => /^gw:\{[^}]*\}:x:/.test(key)
