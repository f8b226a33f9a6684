import { randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { tagIn } from '../../cache-entry/epoch.ts'
import type { RedisConnection } from '../../redis/connection.ts'
import { PINNED_MS } from './pinned.ts'

/**
 * Identifies the time between two purges of a whole partition. Stored in Redis beside the entries, whose signatures
 * include it: after it is deleted or replaced, older entries are invalid, even if written back. Empty without Redis,
 * where there is no other writer.
 */
export type Generation = string

export type Generations = {
  /**
   * Takes the generation just read from Redis. Returns `undefined` if it is invalid, or was replaced before as seen by
   * this process.
   */
  observe: (partition: string, value: Buffer | string | null | undefined) => Generation | undefined
  /** Returns the generation last observed. */
  current: (partition: string) => Generation | undefined
  /** @throws RedisUnavailable */
  load: (partition: string) => Promise<Generation | undefined>
  /**
   * Creates a generation, if there is no valid one, before the first entry.
   * @throws RedisUnavailable
   */
  begin: (partition: string) => Promise<Generation>
  /** Forgets generations after a purge: those with this hash tag, or all if `undefined`. */
  end: (tag: string | undefined) => void
}

const GENERATION = /^[\w-]{12}$/
const MAX_PARTITIONS = 20_000
/** Retired generations remembered per partition; the oldest is forgotten first. */
const MAX_RETIRED = 100

/** Key in the cluster slot of the partition's entries, so that one command reads both. */
export const generationKeyOf = (partition: string): string => partition.replace('}:s:', '}:sg:')

export function createGenerations(redis: RedisConnection | undefined): Generations {
  const partitions = new LRUCache<string, { now: Generation | undefined; retired: Set<Generation> }>({
    max: MAX_PARTITIONS,
  })

  function of(partition: string) {
    const found = partitions.get(partition) ?? { now: undefined, retired: new Set() }
    partitions.set(partition, found)
    return found
  }

  function retire(it: ReturnType<typeof of>) {
    if (it.now !== undefined) it.retired.add(it.now)
    const [oldest] = it.retired.size > MAX_RETIRED ? it.retired : []
    if (oldest !== undefined) it.retired.delete(oldest)
    it.now = undefined
  }

  function heard(partition: string, value: Buffer | string | null | undefined) {
    if (redis === undefined) return ''
    const it = of(partition)
    const said = value == null || value.length > 12 ? '' : value.toString()
    if (said === it.now) return said
    retire(it)
    if (GENERATION.test(said) && !it.retired.has(said)) it.now = said
    return it.now
  }

  async function load(partition: string) {
    if (redis === undefined) return ''
    return heard(partition, await redis.run((client) => client.get(generationKeyOf(partition))))
  }

  return {
    observe: heard,
    current: (partition) => (redis === undefined ? '' : partitions.get(partition)?.now),
    load,
    async begin(partition) {
      if (redis === undefined) return ''
      const fresh = randomBytes(9).toString('base64url')
      const key = generationKeyOf(partition)
      await redis.run((client) => client.set(key, fresh, 'PX', PINNED_MS, 'NX'))
      const found = await load(partition)
      if (found !== undefined) return found
      await redis.run((client) => client.set(key, fresh, 'PX', PINNED_MS))
      return heard(partition, fresh) ?? fresh
    },
    end(tag) {
      for (const [partition, it] of partitions.entries())
        if (tag === undefined || tagIn(partition) === tag) retire(it)
    },
  }
}
