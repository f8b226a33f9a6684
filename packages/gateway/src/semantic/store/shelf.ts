import { createBudget } from '../../cache/budget.ts'
import { type Epoch, stampsIn } from '../../cache/epoch.ts'
import { createPut } from '../../cache/put.ts'
import type { Link } from '../../redis/link.ts'
import type { Partition } from '../scope.ts'

/** Of the list of a partition: an id, and when it was put there, in milliseconds since the epoch. */
export type Listed = { id: string; at: number }

/** How long: the entry, and what else there is of its partition. In milliseconds. */
type Kept = { keptMs: number; listMs: number }

/** Entries in Redis. All methods throw RedisUnavailable when it is away. */
export type Shelf = {
  /** When it was put there. False: there was no room, or a purge has come since the epoch of its call. */
  put: (partition: Partition, id: string, value: Buffer, kept: Kept, epoch?: Epoch) => Promise<number | false>
  /** In the order of the ids, then those of other keys of the team; null for those that are gone, or no values. One command. */
  get: (partition: Partition, ids: string[], others?: string[]) => Promise<(Buffer | null)[]>
  /** What was put there in that time, the newest first; each page holds `LISTED` of them, but for the last. */
  newest: (partition: Partition, from: number, until: number, page: number) => Promise<Listed[]>
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

/** One value for each entry, and one list of ids for each partition, by the time they were put there. */
export function createShelf(link: Link, maxBytes: number, onFull: () => void, keyLocking?: boolean): Shelf {
  const store = createPut(link, keyLocking)
  const budget = createBudget(link, maxBytes, onFull)

  return {
    async put(partition, id, value, { keptMs, listMs }, epoch) {
      const { name } = partition
      if (!(await budget.hasRoom(value.length + name.length))) return false
      const at = Date.now()
      try {
        const key = keyOf(partition, id)
        if (epoch === undefined) await link.ask((client) => client.set(key, value, 'PX', Math.ceil(keptMs)))
        else if (typeof (await store(key, value, keptMs, stampsIn(epoch))) === 'object') return false
        await list(link, name, id, at, Math.max(keptMs, listMs))
        return at
      } catch (error) {
        if (budget.refused(error)) return false
        throw error
      }
    },
    async get(partition, ids, others = []) {
      if (ids.length === 0) return []
      const keys = ids.map((id) => keyOf(partition, id))
      return await link.ask((client) => client.mgetBuffer(...keys, ...others))
    },
    async newest({ name }, from, until, page) {
      const flat = await link.ask((client) =>
        client.zrevrangebyscore(name, until, from, 'WITHSCORES', 'LIMIT', page * LISTED, LISTED),
      )
      return flat.flatMap((id, at) => (at % 2 === 0 ? [{ id, at: Number(flat[at + 1]) }] : []))
    },
    unlist: async ({ name }, ids) => void (await link.ask((client) => client.zrem(name, ...ids))),
  }
}

/** Tells other processes of an entry. */
export async function list(link: Link, name: string, id: string, at: number, keptMs: number): Promise<void> {
  await link.ask((client) => client.zadd(name, at, id))
  await link.ask((client) => client.pexpire(name, Math.ceil(keptMs) + LIST_GRACE_MS))
}
