import type { Policy } from '@hotdash/llm-gateway'
import { type BooksAdmin, openQuotaBooks } from '@hotdash/llm-gateway/admin'
import { requireRedisUrl } from '../cli/connection.ts'
import { UsageError } from '../core/command.ts'
import { readPolicyInForce } from '../live-policy/store.ts'

/** Options of `llm-gateway quota`, as parsed. */
export type Values = {
  redis?: string | undefined
  team: string[]
  processes: boolean
  log: boolean
  what: string
  apply: boolean
  lower: boolean
  yes: boolean
  message: string
  by?: string | undefined
  json: boolean
}

/** What a subcommand works on. */
export type Context = {
  books: BooksAdmin
  policy: Policy
  /** Teams to work on. */
  teams: string[]
  /** Address of Redis. */
  redis: string
  values: Values
}

/** @throws UsageError where there is no Redis, or the policy in force has no such team */
export async function withBooks(
  values: Values,
  work: (context: Context) => Promise<number>,
): Promise<number> {
  const redis = requireRedisUrl(values.redis)
  const policy = await readPolicyInForce(redis)
  const known = Object.keys(policy.teams ?? {})
  const unknown = values.team.filter((team) => !known.includes(team))
  if (unknown.length > 0)
    throw new UsageError(
      `--team: the policy in force has no team ${unknown.join(', ')}. It has ${known.join(', ')}.`,
    )
  const books = openQuotaBooks({ redis, timezone: policy.timezone ?? 'UTC' })
  try {
    return await work({ books, policy, teams: values.team.length > 0 ? values.team : known, redis, values })
  } finally {
    books.close()
  }
}
