import type { Redis } from 'ioredis'
import { ATTRIBUTES_END, mayMatch } from '../cache-entry/codec.ts'
import type { PurgeFilter } from '../cache-entry/purge-filter.ts'
import type { RedisConnection } from '../redis/connection.ts'
import { isWrongType } from '../redis/errors.ts'
import { hashTag } from '../redis/hash-tag.ts'
import { primariesOf } from '../redis/nodes.ts'
import { scanNode } from '../redis/scan.ts'

/**
 * Unlinks matching entries; returns their number. Sends one command per 500 keys of the database; one per entry whose
 * first bytes must be read, which a purge by agent or model needs; and one per page and team for the deletion.
 * @throws RedisUnavailable
 */
export async function sweep(connection: RedisConnection, what: PurgeFilter): Promise<number> {
  const { key } = what
  if (key !== undefined && !ENTRY_KEY.test(key)) return 0
  const primaries = await connection.run(async (client) => primariesOf(client))
  if (key !== undefined) return await unlinkMatching(connection, undefined, [key], what)
  const removed = await Promise.all(primaries.map((primary) => sweepNode(connection, primary, what)))
  return removed.reduce((sum, some) => sum + some, 0)
}

async function sweepNode(connection: RedisConnection, node: Redis, what: PurgeFilter): Promise<number> {
  let removed = 0
  for await (const keys of scanNode(connection, node, 'gw:{*}:x:*'))
    removed += await unlinkMatching(connection, node, keys, what)
  return removed
}

const ENTRY_KEY = /^gw:\{([^}]*)\}:x:/

/** @param node Server that holds the keys. Absent: the client finds it. */
async function unlinkMatching(
  connection: RedisConnection,
  node: Redis | undefined,
  keys: string[],
  what: PurgeFilter,
): Promise<number> {
  const own = what.team === undefined ? undefined : hashTag(what.team)
  const byTag = new Map<string, string[]>()
  const chosen = await Promise.all(
    keys.map(async (key) => {
      const tag = ENTRY_KEY.exec(key)?.[1] ?? ''
      // Answers that all teams share have a common tag; their attribute hashes tell the team.
      if (own !== undefined && tag !== own && tag !== '*') return undefined
      const matchesByKey =
        what.agent === undefined && what.model === undefined && (own === undefined || tag === own)
      return matchesByKey || (await matchesAttributes(key)) ? { key, tag } : undefined
    }),
  )
  async function matchesAttributes(key: string): Promise<boolean> {
    try {
      const start = await connection.run((client) =>
        (node ?? client).getrangeBuffer(key, 0, ATTRIBUTES_END - 1),
      )
      return mayMatch(what, start)
    } catch (error) {
      // A list or a set in place of an answer.
      if (isWrongType(error)) return true
      throw error
    }
  }
  for (const found of chosen) {
    if (found === undefined) continue
    byTag.set(found.tag, [...(byTag.get(found.tag) ?? []), found.key])
  }
  const counts = await Promise.all(
    [...byTag.values()].map((some) => connection.run((client) => (node ?? client).unlink(...some))),
  )
  return counts.reduce((sum, some) => sum + some, 0)
}
