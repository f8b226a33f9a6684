import { createStamps, type Stamps, stampFrom, tagIn } from '../../cache-entry/epoch.ts'
import { createPut, stampKeysOf } from '../../cache-entry/put.ts'
import type { RedisConnection } from '../../redis/connection.ts'
import { hashTag } from '../../redis/hash-tag.ts'
import { createMemoryBudget } from '../../redis/memory-budget.ts'
import { createScript } from '../../redis/script.ts'
import type { Partition } from '../query/partition.ts'
import { STATE_BYTES } from './codec.ts'
import { type Generation, type Generations, generationKeyOf } from './generations.ts'
import { PINNED_MS } from './pinned.ts'
import swapSource from './swap.lua'

/** An id in a partition's index key, and when it was added, in milliseconds since the epoch. */
export type IndexedId = { id: string; at: number }

/** TTLs in milliseconds: `keptMs` of the entry, `listMs` of the partition's index key. */
type Ttls = { keptMs: number; listMs: number }

type Read = {
  /** Values in the order of the ids; null if absent. */
  values: (Buffer | null)[]
  /** Value of the other key. */
  other: Buffer | null
  /** Generation that entries must be signed for; `undefined`: no entry is valid. */
  generation: Generation | undefined
}

/** Entries in Redis. All methods reject with RedisUnavailable while Redis is down. */
export type RedisEntries = {
  /**
   * Stores an entry. Resolves with the time it was indexed, or `false` if Redis is full or a purge has happened since
   * `since`.
   */
  put: (partition: Partition, id: string, value: Buffer, kept: Ttls, since: Stamps) => Promise<number | false>
  /** Reads entries, generation and purge stamps by one command. */
  get: (partition: Partition, ids: string[], other?: string) => Promise<Read>
  /** Returns the purge stamps last read for a partition. */
  stamps: (partition: Partition) => Stamps
  /** Compare-and-swap of a value. Resolves `false` if it has changed or is gone. */
  swap: (partition: Partition, id: string, held: Buffer, value: Buffer) => Promise<boolean>
  /** Returns ids added in a time range, newest first, in pages of `PAGE_SIZE`. */
  newest: (partition: Partition, from: number, until: number, page: number) => Promise<IndexedId[]>
  /** Removes ids of absent entries from the index key. */
  removeIds: (partition: Partition, ids: string[]) => Promise<void>
}

export const PAGE_SIZE = 1_000
/** The index key outlives the entries in it by this. */
const LIST_GRACE_MS = 60_000
const ID = /^[\w-]{20}$/

/** Validates an id: any writer to Redis can add members to the index key. */
export const isEntryId = (id: string): boolean => ID.test(id)

export const keyOf = ({ name }: Partition, id: string): string => `${name}:${id}`

/** Key of a set with the entries of an upstream answer id. */
export const answerKeyOf = (answerId: string): string => `gw:{${hashTag(answerId)}}:sid`

/**
 * Makes an entry findable by the id of its answer.
 * @throws RedisUnavailable
 */
export async function nameAnswer(
  redis: RedisConnection,
  answerId: string,
  key: string,
  keptMs: number,
): Promise<void> {
  const named = answerKeyOf(answerId)
  await redis.run((client) => client.sadd(named, key))
  await redis.run((client) => client.pexpire(named, Math.max(1, Math.ceil(keptMs))))
}

type Parts = {
  maxBytes: number
  onFull: () => void
  keyLocking: boolean | undefined
  generations: Generations
}

/** Creates access to Redis: one value per entry, and per partition one sorted set of ids by time. */
export function createRedisEntries(
  redis: RedisConnection,
  { maxBytes, onFull, keyLocking, generations }: Parts,
): RedisEntries {
  const store = createPut(redis, keyLocking)
  const swap = createScript(swapSource, keyLocking ? 'allow-key-locking' : undefined)
  const budget = createMemoryBudget(redis, maxBytes, onFull)
  const stamps = createStamps()

  return {
    async put(partition, id, value, { keptMs, listMs }, since) {
      const { name } = partition
      if (!(await budget.hasRoom(value.length + name.length))) return false
      const at = Date.now()
      try {
        const put = await store(keyOf(partition, id), value, keptMs, since)
        if (typeof put === 'object') {
          stamps.learn(tagIn(name) ?? '', put)
          return false
        }
        await indexId(redis, name, id, at, Math.max(keptMs, listMs))
        await redis.run((client) => client.pexpire(generationKeyOf(name), PINNED_MS))
        return at
      } catch (error) {
        if (budget.refused(error)) return false
        throw error
      }
    },
    async get(partition, ids, other) {
      const { name } = partition
      const keys = ids.map((id) => keyOf(partition, id))
      const others = [generationKeyOf(name), ...(other === undefined ? [] : [other])]
      const values = await redis.run((client) =>
        client.mgetBuffer(...keys, ...others, ...stampKeysOf(client, name)),
      )
      const [generation, ...rest] = values.slice(keys.length)
      const found = other === undefined ? null : (rest.shift() ?? null)
      stamps.learn(tagIn(name) ?? '', { own: stampFrom(rest[0]), all: stampFrom(rest[1]) })
      return {
        values: values.slice(0, keys.length),
        other: found,
        generation: generations.observe(name, generation),
      }
    },
    stamps: ({ name }) => stamps.of(name),
    async swap(partition, id, held, value) {
      const state = held.subarray(0, STATE_BYTES)
      const key = keyOf(partition, id)
      return (await redis.run((client) => swap.run(client, [key], [state, value, STATE_BYTES, '']))) === 1
    },
    async newest({ name }, from, until, page) {
      const flat = await redis.run((client) =>
        client.zrevrangebyscore(name, until, from, 'WITHSCORES', 'LIMIT', page * PAGE_SIZE, PAGE_SIZE),
      )
      return flat.flatMap((id, at) => (at % 2 === 0 ? [{ id, at: Number(flat[at + 1]) }] : []))
    },
    removeIds: async ({ name }, ids) => void (await redis.run((client) => client.zrem(name, ...ids))),
  }
}

/** Adds an entry to its partition's index key, where other processes find it. */
export async function indexId(
  redis: RedisConnection,
  name: string,
  id: string,
  at: number,
  keptMs: number,
): Promise<void> {
  await redis.run((client) => client.zadd(name, at, id))
  await redis.run((client) => client.pexpire(name, Math.ceil(keptMs) + LIST_GRACE_MS))
}
