import * as z from 'zod/mini'
import { check, GatewayOptionsError } from '../../core/options-error.ts'
import type { SinkEnvironment } from '../backend.ts'

/** Writes usage to Supabase: one row of `llm_usage` per call. */
export type SupabaseOptions = {
  /** Address of the project. @default SUPABASE_URL */
  url?: string
  /** A secret key (`sb_secret_…`). @default SUPABASE_SECRET_KEY */
  secretKey?: string
  /** Table name, as created by the migration. @default 'llm_usage' */
  table?: string
  /**
   * `redis`: this process only spills rows to shared Redis, and processes with the key write them. It needs
   * `gateway.redis`, but neither `url` nor `secretKey`.
   * @default 'direct'
   */
  via?: 'direct' | 'redis'
  /**
   * Rows that may wait in shared Redis, from all processes; further rows wait in each process's queue. @default 50000
   */
  maxSpilled?: number
}

/** `to`: absent for a process that only spills rows to Redis. */
export type SupabaseSettings = {
  to?: { url: string; secretKey: string }
  table: string
  maxSpilled: number
}

const address = z.string().check(z.regex(/^https?:\/\/[^\s/?#]+/, 'must be an https:// address'))
const key = z.string().check(
  z.minLength(1),
  z.refine((value) => !value.startsWith('sb_publishable_'), 'is a publishable key: rows need a secret one'),
)

export const supabaseSchema = z.optional(
  z.union(
    [
      z.literal(false),
      z.strictObject({
        url: z.optional(address),
        secretKey: z.optional(key),
        table: z.optional(
          z.string().check(z.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of a table')),
        ),
        via: z.optional(z.enum(['direct', 'redis'])),
        maxSpilled: z.optional(z.number().check(z.int(), z.positive())),
      }),
    ],
    'must be false, or { url, secretKey, table, via, maxSpilled }',
  ),
)

/**
 * Returns `undefined` if off. Without the option, the two environment variables together switch it on.
 * @throws GatewayOptionsError naming what is missing.
 */
export function supabaseSettings(
  given: false | SupabaseOptions | undefined,
  { variables: env, hasRedis }: Pick<SinkEnvironment, 'variables' | 'hasRedis'>,
): SupabaseSettings | undefined {
  if (given === false) return undefined
  const { table = 'llm_usage', via = 'direct', maxSpilled = 50_000 } = given ?? {}
  if (via === 'redis') {
    if (!hasRedis)
      throw new GatewayOptionsError(
        "gateway.supabase.via: 'redis' needs gateway.redis, or LLM_GATEWAY_REDIS_URL",
      )
    return { table, maxSpilled }
  }
  const url = given?.url ?? (env.SUPABASE_URL || undefined)
  const secretKey = given?.secretKey ?? (env.SUPABASE_SECRET_KEY || undefined)
  if (given === undefined && (url === undefined || secretKey === undefined)) return undefined
  if (url === undefined)
    throw new GatewayOptionsError('gateway.supabase.url: is missing, and so is SUPABASE_URL')
  if (secretKey === undefined)
    throw new GatewayOptionsError('gateway.supabase.secretKey: is missing, and so is SUPABASE_SECRET_KEY')
  if (given?.url === undefined) check(address, url, 'SUPABASE_URL')
  if (given?.secretKey === undefined) check(key, secretKey, 'SUPABASE_SECRET_KEY')
  return { to: { url, secretKey }, table, maxSpilled }
}
