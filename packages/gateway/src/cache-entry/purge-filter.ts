import * as z from 'zod/mini'
import { check } from '../core/options-error.ts'
import type { CacheEntry } from './entry.ts'

/** Selects answers to remove. Every given field must match; `{}` removes all. */
export type PurgeFilter = {
  /** Stored for an agent of this team. */
  team?: string
  /** Stored for this agent. */
  agent?: string
  /** Answered by this model. */
  model?: string
  /** The entry with this key, as in `cacheKey` of a call's record. */
  key?: string
}

const name = z.optional(z.string())
const schema = z.strictObject({ team: name, agent: name, model: name, key: name })

/** Validates a filter. @throws GatewayOptionsError: a misspelt field must not purge everything. */
export const checkPurge = (what: PurgeFilter): PurgeFilter => check(schema, what, 'purge') as PurgeFilter

export function matches({ team, agent, model, key }: PurgeFilter, of: string, entry: CacheEntry): boolean {
  return (
    (key === undefined || key === of) &&
    (team === undefined || team === entry.team) &&
    (agent === undefined || agent === entry.agent) &&
    (model === undefined || model === entry.model)
  )
}

const stamp = z.string().check(z.maxLength(80))
export const invalidationSchema = z.union([
  z.strictObject({
    purge: schema,
    receipt: z.optional(z.string().check(z.regex(/^[\w-]{12}$/))),
    stamped: z.optional(
      z.strictObject({ all: z.optional(stamp), own: z.optional(z.record(z.string(), stamp)) }),
    ),
  }),
  z.strictObject({ answerId: z.string() }),
])
