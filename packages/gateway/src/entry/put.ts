import { randomBytes } from 'node:crypto'
import type { RedisClient } from '../redis/connect.ts'
import type { RedisConnection } from '../redis/connection.ts'
import { primariesOf } from '../redis/nodes.ts'
import { createScript } from '../redis/script.ts'
import { FUTURE_MS, type Stamped, type Stamps, stampFrom, tagIn, tagsOf } from './epoch.ts'
import type { PurgeFilter } from './purge-filter.ts'
import putSource from './put.lua'
import raiseSource from './raise.lua'

/** Stamps outlive every answer that is bound to one; each answer that is stored keeps them for as long again. */
const STAMP_MS = 60 * 86_400_000

const ALL = 'gw:{*}:epoch:all'
const stampKeyOf = (tag: string) => `gw:{${tag}}:epoch`

/** Where the purges stand that concern a key. A cluster could not read one key for all teams beside each team's own. */
export function stampKeysOf(client: RedisClient, key: string): string[] {
  const own = stampKeyOf(tagIn(key) ?? '')
  return client.isCluster ? [own] : [own, ALL]
}

/** `stored`; `replaced`: stored where something stood that no entry is; else what the stamps are now: nothing was. */
export type Put = 'stored' | 'replaced' | Stamps

/** Stores values by one command each, and nothing that was asked before the last purge. */
export function createPut(link: RedisConnection, keyLocking = false) {
  const script = createScript(putSource, keyLocking ? 'allow-key-locking' : undefined)

  /** @throws RedisUnavailable, and what Redis answers when it is full. */
  return async function put(key: string, value: Buffer, ttlMs: number, since: Stamps): Promise<Put> {
    // No caller waits for it, and a second time it changes nothing: a connection that is cut loses no answer.
    const answer = await link.run(
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
 * Says in Redis that there is a purge, before anything is forgotten: what is stored from then on was asked after it.
 * @throws RedisUnavailable
 */
export async function raise(
  link: RedisConnection,
  what: PurgeFilter,
  known: (tag: string) => Stamps,
): Promise<Stamped> {
  const isWhole = what.key === undefined && what.agent === undefined && what.model === undefined
  const name = randomBytes(9).toString('base64url')
  const stamp = (key: string, whole: boolean, seen: string) =>
    stamped(link, key, [name, whole ? 'all' : 'some'], seen)
  const tags = tagsOf(what)
  const isCluster = await link.run(async (client) => client.isCluster)
  if (tags === undefined && !isCluster) return { all: await stamp(ALL, isWhole, known('').all) }
  const own: Record<string, string> = {}
  for (const tag of tags ?? (await allTags(link))) {
    const isAll = isWhole && (what.team === undefined || tag !== '*')
    own[tag] = await stamp(stampKeyOf(tag), isAll, known(tag).own)
  }
  return { own }
}

/**
 * Puts stamps right that Redis has lost, or that were replaced by older ones.
 * @throws RedisUnavailable
 */
export async function mend(link: RedisConnection, tag: string, { own, all }: Stamps): Promise<void> {
  if (own !== '') await stamped(link, stampKeyOf(tag), ['', 'none'], own)
  if (all !== '') await stamped(link, ALL, ['', 'none'], all)
}

const raising = createScript(raiseSource, 'allow-oom')

async function stamped(
  link: RedisConnection,
  key: string,
  how: [name: string, what: string],
  seen: string,
): Promise<string> {
  const answer = await link.run((client) =>
    raising.run(client, [key], [...how, STAMP_MS, Date.now(), seen, FUTURE_MS]),
  )
  return typeof answer === 'string' ? answer : ''
}

/** Teams that have an answer, a limit, a purge or a flight in a cluster. */
const OF_A_TEAM = /^gw:\{([^}]*)\}:(?:x|s|flight|quota|epoch)(?::|$)/
const PAGE = 500

async function allTags(link: RedisConnection): Promise<Set<string>> {
  const tags = new Set(['*', 'default'])
  for (const master of await link.run(async (client) => primariesOf(client))) {
    let cursor = '0'
    do {
      const [next, keys] = await link.run(() => master.scan(cursor, 'MATCH', 'gw:{*}:*', 'COUNT', PAGE))
      for (const key of keys) {
        const tag = OF_A_TEAM.exec(key)?.[1]
        if (tag !== undefined) tags.add(tag)
      }
      cursor = next
    } while (cursor !== '0')
  }
  return tags
}
