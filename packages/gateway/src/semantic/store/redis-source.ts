import type { RedisConnection } from '../../redis/connection.ts'
import { hashTag } from '../../redis/hash-tag.ts'
import { scanPages } from '../../redis/scan.ts'
import { signerOf } from '../../util/signature.ts'
import { keyOf, partitionPrefix, refFrom } from './admin.ts'
import { EXACT_KEY_AT, seal, unpackExactKey, unseal } from './codec.ts'
import { type Generations, generationKeyOf } from './generations.ts'
import { PINNED_MS } from './pinned.ts'
import type { EntryHandle, EntryRef, EntrySource } from './port.ts'
import { answerKeyOf, indexId } from './redis-entries.ts'

const GENERATION_KEY = /^gw:\{([^}]*)\}:sg:[\w-]{24}$/

/** Entries in Redis. All methods reject with RedisUnavailable while Redis is down. */
export function createRedisSource(
  redis: RedisConnection,
  secret: string | undefined,
  generations: Generations,
): EntrySource {
  const signer = secret === undefined ? undefined : signerOf(secret)

  async function* scanKeys(pattern: string): AsyncGenerator<string> {
    for await (const { keys } of scanPages(redis, pattern)) yield* keys
  }

  const handleOf = (ref: EntryRef): EntryHandle => ({
    ...ref,
    exactKey: async () =>
      unpackExactKey(
        ref.partition,
        await redis.run((client) => client.getrangeBuffer(keyOf(ref), ...EXACT_KEY_AT)),
      ),
    async read() {
      if (signer === undefined) return undefined
      const { partition: name, id } = ref
      const keys = [keyOf(ref), generationKeyOf(name)]
      const [value, generation] = await redis.run((client) => client.mgetBuffer(...keys))
      return value == null
        ? undefined
        : await unseal({ name, secret: signer(name) }, id, value, generations.observe(name, generation))
    },
  })

  async function remove(ref: EntryRef): Promise<number> {
    const removed = await redis.run((client) => client.unlink(keyOf(ref)))
    await redis.run((client) => client.zrem(ref.partition, ref.id))
    return removed
  }

  return {
    async *scan(team) {
      const prefix = partitionPrefix(team)
      for await (const key of scanKeys('gw:{*}:s:*:*')) {
        const ref = refFrom(key)
        if (ref?.partition.startsWith(prefix)) yield handleOf(ref)
      }
    },
    at: async (ref) => handleOf(ref),
    async write(ref, sealed) {
      const { partition: name, id } = ref
      if (signer === undefined) return false
      const now = Date.now()
      const keptMs = sealed.pinned ? PINNED_MS : Math.ceil(sealed.answer.keptUntil - now)
      const partition = { name, secret: signer(name) }
      const value = await seal(partition, id, sealed, generations.current(name) ?? '')
      if (value === undefined) return false
      if (keptMs <= 0) await redis.run((client) => client.unlink(keyOf(ref)))
      else {
        await redis.run((client) => client.set(keyOf(ref), value, 'PX', keptMs))
        await indexId(redis, name, id, now, PINNED_MS)
      }
      return true
    },
    delete: remove,
    /** Ends generations first: from then on no older entry is valid, even if a late writer puts one back. */
    async beforePurge(team) {
      const tag = team === undefined ? undefined : hashTag(team)
      for await (const key of scanKeys('gw:{*}:sg:*')) {
        const [, of] = GENERATION_KEY.exec(key) ?? []
        if (of !== undefined && (tag === undefined || of === tag))
          await redis.run((client) => client.unlink(key))
      }
      generations.end(tag)
    },
    async forget(answerId) {
      const named = answerKeyOf(answerId)
      for (const key of await redis.run((client) => client.smembers(named))) {
        const ref = refFrom(key)
        if (ref !== undefined) await remove(ref)
      }
      await redis.run((client) => client.unlink(named))
    },
  }
}
