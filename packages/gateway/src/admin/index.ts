import { createEntryScan, type EntryScan } from '../cache/entries.ts'
import { type BooksAdmin, createBooksAdmin } from '../quota/redis/books.ts'
import type { RedisClient } from '../redis/connect.ts'
import { createRedisConnection, type RedisConnection } from '../redis/connection.ts'

export type { AnswerCount, CachedAnswer, EntryScan } from '../cache/entries.ts'
export type { PurgeFilter } from '../cache-entry/purge-filter.ts'
export type {
  BooksAdmin,
  BooksChange,
  BooksNote,
  LoggedChange,
  ProcessBooks,
  QuotaBooks,
  TeamBooks,
} from '../quota/redis/books.ts'
export type { SemanticAutoStatus } from '../semantic/auto-status.ts'
export type { SemanticCount } from '../semantic/count.ts'

import { autoStatuses, type SemanticAutoStatus } from '../semantic/auto-status.ts'
import { countSemantic, type SemanticCount } from '../semantic/count.ts'

type Closable = { close: () => void }

/** Administrators wait longer than calls do. */
const DEADLINES = { deadlineMs: 5_000, connectMs: 5_000 }

/**
 * Opens the books of all teams' limits at a Redis.
 *
 * @param timezone of the policy: its days are those of the books
 * @example
 * const books = openQuotaBooks({ redis: 'redis://localhost:6379', timezone: 'America/Chicago' })
 * await books.reset('prod_ceo', 'day', { by: 'anna', comment: 'a test has spent it' })
 * books.close()
 */
export const openQuotaBooks = ({
  redis,
  timezone = 'UTC',
}: {
  redis: string | RedisClient
  timezone?: string
}): BooksAdmin & Closable => opened(redis, (connection) => createBooksAdmin(connection, timezone))

/**
 * Counts what the semantic cache has in Redis, by team.
 * @throws RedisUnavailable when Redis cannot be reached.
 */
export async function countSemanticEntries({
  redis,
}: {
  redis: string | RedisClient
}): Promise<SemanticCount[]> {
  const connection = createRedisConnection(redis, { ...DEADLINES, onChange: () => undefined })
  try {
    return await countSemantic(connection)
  } finally {
    connection.close()
  }
}

/**
 * Tells which agents in mode `auto` of the semantic cache serve, and why. Needs no secret.
 * @throws RedisUnavailable when Redis cannot be reached.
 * @example
 * for (const { agent, serving, reason } of await readSemanticAuto({ redis: 'redis://localhost:6379' }))
 *   console.log(agent, serving, reason)
 */
export async function readSemanticAuto({
  redis,
}: {
  redis: string | RedisClient
}): Promise<SemanticAutoStatus[]> {
  const connection = createRedisConnection(redis, { ...DEADLINES, onChange: () => undefined })
  try {
    return await autoStatuses(connection, Date.now())
  } finally {
    connection.close()
  }
}

/**
 * Opens the exact cache of all agents at a Redis, to look at it. Answers are deleted by `client.gateway.purge`.
 * @example
 * const cache = openCachedAnswers({ redis: 'redis://localhost:6379' })
 * for await (const { key, bytes } of cache.list({ agent: 'support' })) console.log(key, bytes)
 * cache.close()
 */
export const openCachedAnswers = ({ redis }: { redis: string | RedisClient }): EntryScan & Closable =>
  opened(redis, createEntryScan)

function opened<Admin extends object>(
  redis: string | RedisClient,
  create: (connection: RedisConnection) => Admin,
): Admin & Closable {
  const connection = createRedisConnection(redis, { ...DEADLINES, onChange: () => undefined })
  return { ...create(connection), close: connection.close }
}
