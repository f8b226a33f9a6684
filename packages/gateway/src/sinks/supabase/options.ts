import * as z from 'zod/mini'
import { check, GatewayOptionsError } from '../../core/options-error.ts'

/** How usage is written to Supabase: one row of `llm_usage` for each call. */
export type SupabaseOptions = {
  /** Address of the project. @default SUPABASE_URL */
  url?: string
  /** A secret key (`sb_secret_…`). @default SUPABASE_SECRET_KEY */
  secretKey?: string
  /** The table, as the migration makes it. @default 'llm_usage' */
  table?: string
  /**
   * `redis`: rows only go to shared Redis, and processes that have the key write them. Such an agent needs neither `url`
   * nor `secretKey`, but needs `gateway.redis`.
   * @default 'direct'
   */
  via?: 'direct' | 'redis'
  /** Rows that may wait in shared Redis, of all processes together; more wait in each process's own queue. @default 50000 */
  maxSpilled?: number
}

/** `to`: absent for a process that only puts rows into Redis. */
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

export const supabaseSchema = z.union(
  [
    z.literal(false),
    z.strictObject({
      url: z.optional(address),
      secretKey: z.optional(key),
      table: z.optional(z.string().check(z.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of a table'))),
      via: z.optional(z.enum(['direct', 'redis'])),
      maxSpilled: z.optional(z.number().check(z.int(), z.positive())),
    }),
  ],
  'must be false, or say where rows go',
)

/**
 * `undefined`: nothing is written. Without options it is the environment that switches it on, with both of its variables.
 * @throws GatewayOptionsError naming what is missing.
 */
export function supabaseSettingsOf(
  given: false | SupabaseOptions | undefined,
  env: NodeJS.ProcessEnv,
  hasRedis: boolean,
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
