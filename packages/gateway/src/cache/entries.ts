import type { Redis } from 'ioredis'
import { ATTRIBUTES_END, decode, mayMatch } from '../cache-entry/codec.ts'
import type { CacheEntry } from '../cache-entry/entry.ts'
import { orderOf, stampFrom } from '../cache-entry/epoch.ts'
import { matches, type PurgeFilter } from '../cache-entry/purge-filter.ts'
import { stampKeysOf } from '../cache-entry/put.ts'
import type { RedisConnection } from '../redis/connection.ts'
import { isWrongType } from '../redis/errors.ts'
import { hashTag } from '../redis/hash-tag.ts'
import { scanPages } from '../redis/scan.ts'
import { SIGNATURE_BYTES } from '../util/signature.ts'

/** An answer of the exact cache in Redis, as administrators see it. Its question is not stored with it. */
export type CachedAnswer = {
  /** Its key, for `purge`; as in `cacheKey` of a call's record. */
  key: string
  team: string
  agent: string
  model: string
  /** Milliseconds since the epoch, as all times here. */
  storedAt: number
  /** End of freshness; afterwards it is served only while upstream is down, or until it is refreshed. */
  freshUntil: number
  keptUntil: number
  /** Bytes of the value in Redis. */
  bytes: number
  inputTokens?: number
  outputTokens?: number
  /** The answer's body, or the words of its stream, as JSON. Not signed: only the call that asks again verifies it. */
  text: string
}

/** Answers of one team, agent and model. */
export type AnswerCount = { team: string; agent: string; model: string; answers: number; bytes: number }

export type EntryScan = {
  /** Yields matching answers, in no order, one in memory at a time. Damaged values are left out. */
  list: (filter: PurgeFilter) => AsyncGenerator<CachedAnswer>
  /** Counts answers by team, agent and model. Reads one answer of each group whole, and the first bytes of all others. */
  count: () => Promise<{ groups: AnswerCount[]; unreadable: number }>
  /** Returns the time of the last purge that may concern a team's answers; 0: none within the last 60 days. */
  lastPurge: (team: string) => Promise<number>
}

/** Larger values were not written by a gateway. */
const MAX_BYTES = 9 * 1024 * 1024
/** Groups told apart; further ones count as one without names. */
const MAX_GROUPS = 5_000
const ENTRY_KEY = /^gw:\{([^}]*)\}:x:[\w-]{43}$/
/** Tag of answers that all teams share. */
const SHARED = '*'

/** Creates access of administrators to the exact cache. All methods reject with RedisUnavailable while Redis is away. */
export function createEntryScan(connection: RedisConnection): EntryScan {
  const run = connection.run

  async function* pages(): AsyncGenerator<{ node: Redis; keys: string[] }> {
    for await (const { node, keys } of scanPages(connection, 'gw:{*}:x:*'))
      yield { node, keys: keys.filter((key) => ENTRY_KEY.test(key)) }
  }

  /** Returns the first bytes of values and their lengths; `undefined` for what is gone, or no string. */
  async function headsOf(
    node: Redis,
    keys: string[],
  ): Promise<({ start: Buffer; bytes: number } | undefined)[]> {
    return await Promise.all(
      keys.map(async (key) => {
        try {
          const [start, bytes] = await run(
            async () =>
              await Promise.all([node.getrangeBuffer(key, 0, ATTRIBUTES_END - 1), node.strlen(key)]),
          )
          return bytes === 0 ? undefined : { start, bytes }
        } catch (error) {
          if (isWrongType(error)) return undefined
          throw error
        }
      }),
    )
  }

  async function read(node: Redis, key: string): Promise<CacheEntry | undefined> {
    const value = await run(() => node.getBuffer(key))
    return value === null ? undefined : await decode(value.subarray(0, -SIGNATURE_BYTES))
  }

  return {
    async *list(filter) {
      const own = filter.team === undefined ? undefined : hashTag(filter.team)
      for await (const { node, keys } of pages()) {
        const chosen = keys.filter((key) => {
          const tag = ENTRY_KEY.exec(key)?.[1]
          return (own === undefined || tag === own || tag === SHARED) && (filter.key ?? key) === key
        })
        const heads = await headsOf(node, chosen)
        for (const [at, key] of chosen.entries()) {
          const head = heads[at]
          if (head === undefined || head.bytes > MAX_BYTES || !mayMatch(filter, head.start)) continue
          const entry = await read(node, key)
          if (entry !== undefined && matches(filter, key, entry)) yield answerOf(key, entry, head.bytes)
        }
      }
    },
    async count() {
      const groups = new Map<string, AnswerCount>()
      const rest: AnswerCount = { team: '', agent: '', model: '', answers: 0, bytes: 0 }
      let unreadable = 0
      for await (const { node, keys } of pages()) {
        const heads = await headsOf(node, keys)
        for (const [at, key] of keys.entries()) {
          const head = heads[at]
          if (head === undefined) continue
          // The attribute hashes in the first bytes are equal for one team, agent and model.
          const name = head.start.toString('latin1', 4)
          let group = groups.get(name)
          if (group === undefined && groups.size < MAX_GROUPS) {
            const entry = head.bytes > MAX_BYTES ? undefined : await read(node, key)
            if (entry === undefined) {
              unreadable += 1
              continue
            }
            const { team, agent, model } = entry
            group = { team, agent, model, answers: 0, bytes: 0 }
            groups.set(name, group)
          }
          const counted = group ?? rest
          counted.answers += 1
          counted.bytes += head.bytes
        }
      }
      const all = [...groups.values(), ...(rest.answers > 0 ? [rest] : [])]
      return { groups: all.toSorted((one, other) => other.bytes - one.bytes), unreadable }
    },
    async lastPurge(team) {
      const stamps = await run((client) => client.mget(...stampKeysOf(client, `gw:{${hashTag(team)}}:`)))
      return Math.max(0, ...stamps.map((stamp) => orderOf(stampFrom(stamp))))
    },
  }
}

function answerOf(key: string, entry: CacheEntry, bytes: number): CachedAnswer {
  const { team, agent, model, storedAt, freshUntil, keptUntil, usage, text } = entry
  return {
    key,
    team,
    agent,
    model,
    storedAt,
    freshUntil,
    keptUntil,
    bytes,
    ...(usage.unknown !== true && { inputTokens: usage.usage.input, outputTokens: usage.usage.output }),
    text,
  }
}
