import type { Redis } from 'ioredis'
import { MARKS_END, mayMatch } from '../entry/codec.ts'
import type { PurgeFilter } from '../entry/purge-filter.ts'
import type { RedisConnection } from '../redis/connection.ts'
import { hashTag } from '../redis/hash-tag.ts'
import { primariesOf } from '../redis/nodes.ts'

/** Keys looked at by one command: some tenths of a millisecond of the server's time. */
const PAGE = 500

/**
 * Unlinks what matches and says how many that were. One command for each 500 keys in the database; one for each
 * entry whose own bytes must be looked at, which a purge by agent or model needs; one for each page and team of what
 * goes.
 * @throws RedisUnavailable
 */
export async function sweep(link: RedisConnection, what: PurgeFilter): Promise<number> {
  const { key } = what
  if (key !== undefined && !ENTRY_KEY.test(key)) return 0
  const masters = await link.run(async (client) => primariesOf(client))
  if (key !== undefined) return await unlinkMatching(link, undefined, [key], what)
  const gone = await Promise.all(masters.map((master) => sweepNode(link, master, what)))
  return gone.reduce((sum, some) => sum + some, 0)
}

async function sweepNode(link: RedisConnection, node: Redis, what: PurgeFilter): Promise<number> {
  let gone = 0
  let cursor = '0'
  do {
    const [next, keys] = await link.run(() => node.scan(cursor, 'MATCH', 'gw:{*}:x:*', 'COUNT', PAGE))
    gone += await unlinkMatching(link, node, keys, what)
    cursor = next
  } while (cursor !== '0')
  return gone
}

const ENTRY_KEY = /^gw:\{([^}]*)\}:x:/

/** `node`: where the keys are; absent: the client knows. */
async function unlinkMatching(
  link: RedisConnection,
  node: Redis | undefined,
  keys: string[],
  what: PurgeFilter,
): Promise<number> {
  const own = what.team === undefined ? undefined : hashTag(what.team)
  const byTag = new Map<string, string[]>()
  const chosen = await Promise.all(
    keys.map(async (key) => {
      const tag = ENTRY_KEY.exec(key)?.[1] ?? ''
      // Answers that all teams share lie under a tag of their own, and tell by their marks whose they are.
      if (own !== undefined && tag !== own && tag !== '*') return undefined
      const told = what.agent === undefined && what.model === undefined && (own === undefined || tag === own)
      return told || (await marked(key)) ? { key, tag } : undefined
    }),
  )
  async function marked(key: string): Promise<boolean> {
    try {
      const start = await link.run((client) => (node ?? client).getrangeBuffer(key, 0, MARKS_END - 1))
      return mayMatch(what, start)
    } catch (error) {
      // A list or a set where an answer should be.
      if (error instanceof Error && /WRONGTYPE/.test(error.message)) return true
      throw error
    }
  }
  for (const found of chosen) {
    if (found === undefined) continue
    byTag.set(found.tag, [...(byTag.get(found.tag) ?? []), found.key])
  }
  const counts = await Promise.all(
    [...byTag.values()].map((some) => link.run((client) => (node ?? client).unlink(...some))),
  )
  return counts.reduce((sum, some) => sum + some, 0)
}
