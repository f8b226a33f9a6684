import { randomBytes } from 'node:crypto'
import type { RedisClient } from '../redis/connect.ts'
import type { RedisConnection } from '../redis/connection.ts'
import { scanPages } from '../redis/scan.ts'
import { createScript } from '../redis/script.ts'
import { FUTURE_MS, type Stamped, type Stamps, stampFrom, tagIn, tagsOf } from './epoch.ts'
import type { PurgeFilter } from './purge-filter.ts'
import putSource from './put.lua'
import raiseSource from './raise-stamp.lua'

/** Stamps outlive every answer that is bound to them; each store extends their life. */
const STAMP_MS = 60 * 86_400_000

const ALL = 'gw:{*}:epoch:all'
const stampKeyOf = (tag: string) => `gw:{${tag}}:epoch`

/** Keys of the stamps that concern a key. In a cluster, one command cannot read a team's key and a common one. */
export function stampKeysOf(client: RedisClient, key: string): string[] {
  const own = stampKeyOf(tagIn(key) ?? '')
  return client.isCluster ? [own] : [own, ALL]
}

/** `stored`; `replaced`: stored over a value that was no entry; stamps: not stored, since a purge came in between. */
export type Put = 'stored' | 'replaced' | Stamps

/** Stores values with one command each, unless a purge came after the call began. */
export function createPut(connection: RedisConnection, keyLocking = false) {
  const script = createScript(putSource, keyLocking ? 'allow-key-locking' : undefined)

  /** @throws RedisUnavailable, and the error reply of a full Redis. */
  return async function put(key: string, value: Buffer, ttlMs: number, since: Stamps): Promise<Put> {
    // No caller waits for this, and repeating it changes nothing: `reply` retries over a new connection.
    const answer = await connection.run(
      (client) =>
        script.run(
          client,
          [key, ...stampKeysOf(client, key)],
          [value, Math.ceil(ttlMs), since.own, since.all, STAMP_MS],
        ),
      'reply',
    )
    if (!Array.isArray(answer)) return answer === 0 ? 'replaced' : 'stored'
    const [own, all] = answer.map((stamp) => stampFrom(typeof stamp === 'string' ? stamp : null))
    return { own: own ?? '', all: all ?? '' }
  }
}

/**
 * Stamps a purge in Redis before any entry is removed: entries stored from then on belong to later calls.
 * @throws RedisUnavailable
 */
export async function stampPurge(
  connection: RedisConnection,
  what: PurgeFilter,
  known: (tag: string) => Stamps,
): Promise<Stamped> {
  const isWhole = what.key === undefined && what.agent === undefined && what.model === undefined
  const name = randomBytes(9).toString('base64url')
  const stamp = (key: string, whole: boolean, seen: string) =>
    writeStamp(connection, key, [name, whole ? 'all' : 'some'], seen)
  const tags = tagsOf(what)
  const isCluster = await connection.run(async (client) => client.isCluster)
  if (tags === undefined && !isCluster) return { all: await stamp(ALL, isWhole, known('').all) }
  const own: Record<string, string> = {}
  for (const tag of tags ?? (await allTags(connection))) {
    const isAll = isWhole && (what.team === undefined || tag !== '*')
    own[tag] = await stamp(stampKeyOf(tag), isAll, known(tag).own)
  }
  return { own }
}

/**
 * Restores stamps that Redis has lost, or that were replaced by older ones.
 * @throws RedisUnavailable
 */
export async function restoreStamps(
  connection: RedisConnection,
  tag: string,
  { own, all }: Stamps,
): Promise<void> {
  if (own !== '') await writeStamp(connection, stampKeyOf(tag), ['', 'none'], own)
  if (all !== '') await writeStamp(connection, ALL, ['', 'none'], all)
}

const stampScript = createScript(raiseSource, 'allow-oom')

async function writeStamp(
  connection: RedisConnection,
  key: string,
  how: [name: string, what: string],
  seen: string,
): Promise<string> {
  const answer = await connection.run((client) =>
    stampScript.run(client, [key], [...how, STAMP_MS, Date.now(), seen, FUTURE_MS]),
  )
  return typeof answer === 'string' ? answer : ''
}

/** Keys by which teams are found in a cluster: answers, limits, purges and flights. */
const OF_A_TEAM = /^gw:\{([^}]*)\}:(?:x|s|flight|quota|epoch)(?::|$)/

async function allTags(connection: RedisConnection): Promise<Set<string>> {
  const tags = new Set(['*', 'default'])
  for await (const { keys } of scanPages(connection, 'gw:{*}:*'))
    for (const key of keys) {
      const tag = OF_A_TEAM.exec(key)?.[1]
      if (tag !== undefined) tags.add(tag)
    }
  return tags
}
