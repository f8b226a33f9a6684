import { createBudget } from '../../cache/budget.ts'
import type { Link } from '../../redis/link.ts'
import type { Partition } from '../scope.ts'

/** Entries in Redis. All methods throw RedisUnavailable when it is away. */
export type Shelf = {
  /** False: there was no room. */
  put: (partition: Partition, id: string, value: Buffer, keptMs: number) => Promise<boolean>
  /** In the order of the ids; null for those that are gone. */
  get: (partition: Partition, ids: string[]) => Promise<(Buffer | null)[]>
  /** Ids put there since then, in milliseconds since the epoch, the oldest first. */
  since: (partition: Partition, at: number) => Promise<string[]>
  remove: (partition: Partition, ids: string[]) => Promise<void>
}

/** Longer than any entry is kept, so that the list of them outlives them. */
const LIST_GRACE_MS = 60_000

/** One value for each entry, and one list of ids for each partition, by the time they were put there. */
export function createShelf(link: Link, maxBytes: number, onFull: () => void): Shelf {
  const budget = createBudget(link, maxBytes, onFull)
  const keyOf = ({ name }: Partition, id: string) => `${name}:${id}`

  return {
    async put(partition, id, value, keptMs) {
      const { name } = partition
      if (!(await budget.hasRoom(value.length + name.length))) return false
      try {
        await link.ask((client) => client.set(keyOf(partition, id), value, 'PX', Math.ceil(keptMs)))
        await link.ask((client) => client.zadd(name, Date.now(), id))
        await link.ask((client) => client.pexpire(name, Math.ceil(keptMs) + LIST_GRACE_MS))
        return true
      } catch (error) {
        if (budget.refused(error)) return false
        throw error
      }
    },
    async get(partition, ids) {
      if (ids.length === 0) return []
      return await link.ask((client) => client.mgetBuffer(...ids.map((id) => keyOf(partition, id))))
    },
    since: ({ name }, at) => link.ask((client) => client.zrangebyscore(name, at, '+inf')),
    async remove(partition, ids) {
      if (ids.length === 0) return
      await link.ask((client) => client.zrem(partition.name, ...ids))
      await link.ask((client) => client.unlink(...ids.map((id) => keyOf(partition, id))))
    },
  }
}
