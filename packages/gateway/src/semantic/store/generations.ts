import { randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { tagIn } from '../../entry/epoch.ts'
import type { RedisConnection } from '../../redis/connection.ts'
import { PINNED_MS } from './pinned.ts'

/**
 * Names the time between two purges of a whole partition. It stands in Redis beside the entries, each of which is signed
 * for one: where it is gone, or another one, nothing that was kept before is given, even if it is put back. Empty: there is
 * no Redis, and no other writer.
 */
export type Generation = string

export type Generations = {
  /** What Redis said of a partition, as far as it is believed: what this process saw replaced is never believed again. */
  heard: (partition: string, value: Buffer | string | null | undefined) => Generation | undefined
  /** As it was heard last. */
  known: (partition: string) => Generation | undefined
  /** @throws RedisUnavailable */
  load: (partition: string) => Promise<Generation | undefined>
  /** For a first entry: makes one where no valid one exists. @throws RedisUnavailable */
  begin: (partition: string) => Promise<Generation>
  /** After a purge: what is known of these partitions is over. `undefined`: of all. */
  end: (tag: string | undefined) => void
}

const GENERATION = /^[\w-]{12}$/
const MAX_PARTITIONS = 20_000
/** Those replaced longest ago are believed again; a store that changes so often has no entries of theirs. */
const MAX_RETIRED = 100

/** In the slot of the partition's entries: it is read with them, by one command. */
export const generationKeyOf = (partition: string): string => partition.replace('}:s:', '}:sg:')

export function createGenerations(link: RedisConnection | undefined): Generations {
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
    if (link === undefined) return ''
    const it = of(partition)
    const said = value == null || value.length > 12 ? '' : value.toString()
    if (said === it.now) return said
    retire(it)
    if (GENERATION.test(said) && !it.retired.has(said)) it.now = said
    return it.now
  }

  async function load(partition: string) {
    if (link === undefined) return ''
    return heard(partition, await link.run((client) => client.get(generationKeyOf(partition))))
  }

  return {
    heard,
    known: (partition) => (link === undefined ? '' : partitions.get(partition)?.now),
    load,
    async begin(partition) {
      if (link === undefined) return ''
      const fresh = randomBytes(9).toString('base64url')
      const key = generationKeyOf(partition)
      await link.run((client) => client.set(key, fresh, 'PX', PINNED_MS, 'NX'))
      const found = await load(partition)
      if (found !== undefined) return found
      await link.run((client) => client.set(key, fresh, 'PX', PINNED_MS))
      return heard(partition, fresh) ?? fresh
    },
    end(tag) {
      for (const [partition, it] of partitions.entries())
        if (tag === undefined || tagIn(partition) === tag) retire(it)
    },
  }
}
