import { createStamps, type Stamps, stampFrom, tagIn } from '../../entry/epoch.ts'
import { createPut, stampKeysOf } from '../../entry/put.ts'
import type { RedisConnection } from '../../redis/connection.ts'
import { hashTag } from '../../redis/hash-tag.ts'
import { createMemoryBudget } from '../../redis/memory-budget.ts'
import { createScript } from '../../redis/script.ts'
import type { Partition } from '../query/partition.ts'
import { STATE_BYTES } from './codec.ts'
import { type Generation, type Generations, generationKeyOf } from './generations.ts'
import { PINNED_MS } from './pinned.ts'
import swapSource from './swap.lua'

/** Of the list of a partition: an id, and when it was put there, in milliseconds since the epoch. */
export type IndexedId = { id: string; at: number }

/** How long: the entry, and what else there is of its partition. In milliseconds. */
type Kept = { keptMs: number; listMs: number }

type Read = {
  /** In the order of the ids; null for those that are gone, or no values. */
  values: (Buffer | null)[]
  /** Of another key of the team. */
  other: Buffer | null
  /** Which entries count; `undefined`: none does. */
  generation: Generation | undefined
}

/** Entries in Redis. All methods throw RedisUnavailable when it is away. */
export type RedisEntries = {
  /** When it was put there. False: there was no room, or a purge has come since the epoch of its call. */
  put: (partition: Partition, id: string, value: Buffer, kept: Kept, since: Stamps) => Promise<number | false>
  /** By one command, which also tells what there was of purges. */
  get: (partition: Partition, ids: string[], other?: string) => Promise<Read>
  /** What was last heard of purges that concern a partition. */
  stamps: (partition: Partition) => Stamps
  /** Puts a value in the place of another state of itself. False: it has changed again, or is gone. */
  swap: (partition: Partition, id: string, held: Buffer, value: Buffer) => Promise<boolean>
  /** What was put there in that time, the newest first; each page holds `LISTED` of them, but for the last. */
  newest: (partition: Partition, from: number, until: number, page: number) => Promise<IndexedId[]>
  /** Takes ids off the list whose entries are gone. */
  unlist: (partition: Partition, ids: string[]) => Promise<void>
}

export const LISTED = 1_000
/** Longer than any entry is kept, so that the list of them outlives them. */
const LIST_GRACE_MS = 60_000
const ID = /^[\w-]{20}$/

/** Whoever can write to Redis can put anything on a list. */
export const isId = (id: string): boolean => ID.test(id)

export const keyOf = ({ name }: Partition, id: string): string => `${name}:${id}`

/** Under which keys entries stand whose answer upstream keeps by this id. */
export const answerKeyOf = (answerId: string): string => `gw:{${hashTag(answerId)}}:sid`

/** Has an entry found by the id of its answer. @throws RedisUnavailable */
export async function nameAnswer(
  link: RedisConnection,
  answerId: string,
  key: string,
  keptMs: number,
): Promise<void> {
  const named = answerKeyOf(answerId)
  await link.run((client) => client.sadd(named, key))
  await link.run((client) => client.pexpire(named, Math.max(1, Math.ceil(keptMs))))
}

type Parts = {
  maxBytes: number
  onFull: () => void
  keyLocking: boolean | undefined
  generations: Generations
}

/** One value for each entry, and one list of ids for each partition, by the time they were put there. */
export function createRedisEntries(
  link: RedisConnection,
  { maxBytes, onFull, keyLocking, generations }: Parts,
): RedisEntries {
  const store = createPut(link, keyLocking)
  const swap = createScript(swapSource, keyLocking ? 'allow-key-locking' : undefined)
  const budget = createMemoryBudget(link, maxBytes, onFull)
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
        await list(link, name, id, at, Math.max(keptMs, listMs))
        await link.run((client) => client.pexpire(generationKeyOf(name), PINNED_MS))
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
      const values = await link.run((client) =>
        client.mgetBuffer(...keys, ...others, ...stampKeysOf(client, name)),
      )
      const [generation, ...rest] = values.slice(keys.length)
      const found = other === undefined ? null : (rest.shift() ?? null)
      stamps.learn(tagIn(name) ?? '', { own: stampFrom(rest[0]), all: stampFrom(rest[1]) })
      return {
        values: values.slice(0, keys.length),
        other: found,
        generation: generations.heard(name, generation),
      }
    },
    stamps: ({ name }) => stamps.of(name),
    async swap(partition, id, held, value) {
      const state = held.subarray(0, STATE_BYTES)
      const key = keyOf(partition, id)
      return (await link.run((client) => swap.run(client, [key], [state, value, STATE_BYTES, '']))) === 1
    },
    async newest({ name }, from, until, page) {
      const flat = await link.run((client) =>
        client.zrevrangebyscore(name, until, from, 'WITHSCORES', 'LIMIT', page * LISTED, LISTED),
      )
      return flat.flatMap((id, at) => (at % 2 === 0 ? [{ id, at: Number(flat[at + 1]) }] : []))
    },
    unlist: async ({ name }, ids) => void (await link.run((client) => client.zrem(name, ...ids))),
  }
}

/** Tells other processes of an entry. */
export async function list(
  link: RedisConnection,
  name: string,
  id: string,
  at: number,
  keptMs: number,
): Promise<void> {
  await link.run((client) => client.zadd(name, at, id))
  await link.run((client) => client.pexpire(name, Math.ceil(keptMs) + LIST_GRACE_MS))
}
