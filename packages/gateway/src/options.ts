import * as z from 'zod/mini'
import type { CallRecord } from './account/record.ts'
import { check } from './options-error.ts'
import { loadPolicy } from './policy/load.ts'
import type { Policy } from './policy/policy.ts'
import type { RedisClient } from './redis/connect.ts'

/** Everything about the gateway that a program can set. All of it is optional; options beat environment beats policy. */
export type GatewayOptions = {
  /** Who is calling. The policy knows each agent's team. @default LLM_GATEWAY_AGENT */
  agent?: string
  /** The team key, where the policy asks for one. @default LLM_GATEWAY_KEY */
  key?: string
  /** The team of an agent that the policy does not name. @default 'default', which has no limits */
  team?: string
  /** `direct`: a bare OpenAI client, nothing in the way. @default LLM_GATEWAY_MODE, or 'embedded' */
  mode?: 'embedded' | 'direct'
  /** A policy, or the path of a JSON file with one. @default LLM_GATEWAY_POLICY, or HotDash's own */
  policy?: Policy | string
  /** `false`: no answer is stored or shared, not even in flight. */
  cache?: false | { exact?: false | ExactCacheOptions; semantic?: false }
  /** `false`: nobody is refused for a limit, and nothing is counted against one. */
  quota?: false | QuotaOptions
  /** Called with each call's record, after the answer has ended, in the caller's own async context. What it throws is counted. */
  onCall?: (record: CallRecord) => void | Promise<void>
  /** Redis that all processes share, for cache and quota: an address, several for a cluster, or an ioredis client. @default LLM_GATEWAY_REDIS_URL */
  redis?: string | RedisClient | false
  /** How long the gateway's own steps may take. */
  deadlines?: { redisMs?: number; connectMs?: number }
  /** The Langfuse sink is not part of this version. */
  langfuse?: false
  /** The Supabase sink is not part of this version. */
  supabase?: false
}

/** How limits are counted in Redis. The limits themselves belong in the policy. */
export type QuotaOptions = {
  /** How many processes share the limits, at least: while Redis is away, each uses its part of them. @default as many as Redis has seen */
  processes?: number
  /** Whose clock counts: `client` for servers whose scripts may not read their own. @default 'server' */
  clock?: 'server' | 'client'
  /** Upstash: a script locks a team's keys, not the whole database. @default false */
  keyLocking?: boolean
}

export type ExactCacheOptions = {
  /** Seconds an answer is kept at most; the policy may say less. @default 86400 */
  ttlSeconds?: number
  /** Memory for cached answers. @default 67108864 (64 MiB) */
  maxBytes?: number
}

const absent = (what: string) =>
  z.optional(z.literal(false, `${what} is not part of this version: leave it out, or set false`))
const seconds = z.number().check(z.nonnegative())
const positive = z.number().check(z.positive())
const name = z.string().check(z.minLength(1))

const REDIS_URL = /^rediss?:\/\/[^\s,]+(,\s*rediss?:\/\/[^\s,]+)*$/
const WHAT_REDIS =
  'must be a redis:// or rediss:// address, several of one cluster, an ioredis client, or false'
const redis = z.custom<string | RedisClient | false>(
  (value) =>
    value === false ||
    (typeof value === 'string' && REDIS_URL.test(value)) ||
    (typeof value === 'object' && value !== null && 'defineCommand' in value && 'status' in value),
  WHAT_REDIS,
)

const schema = z.strictObject({
  agent: z.optional(name),
  key: z.optional(name),
  team: z.optional(name),
  mode: z.optional(z.enum(['embedded', 'direct'])),
  policy: z.optional(z.any()),
  cache: z.optional(
    z.union([
      z.literal(false),
      z.strictObject({
        exact: z.optional(
          z.union([
            z.literal(false),
            z.strictObject({
              ttlSeconds: z.optional(seconds),
              maxBytes: z.optional(z.number().check(z.int(), z.positive())),
            }),
          ]),
        ),
        semantic: absent('the semantic cache'),
      }),
    ]),
  ),
  quota: z.optional(
    z.union(
      [
        z.literal(false),
        z.strictObject({
          processes: z.optional(z.number().check(z.int(), z.positive())),
          clock: z.optional(z.enum(['server', 'client'])),
          keyLocking: z.optional(z.boolean()),
        }),
      ],
      'must be false, or say how Redis counts; limits belong in the policy',
    ),
  ),
  onCall: z.optional(z.custom((value) => typeof value === 'function', 'must be a function')),
  redis: z.optional(redis),
  deadlines: z.optional(z.strictObject({ redisMs: z.optional(positive), connectMs: z.optional(positive) })),
  langfuse: absent('the Langfuse sink'),
  supabase: absent('the Supabase sink'),
})

export type Settings = {
  policy: Policy
  agent: string | undefined
  key: string | undefined
  team: string | undefined
  direct: boolean
  cacheBytes: number
  quota: QuotaOptions | undefined
  redis: string | RedisClient | undefined
  deadlines: { redisMs: number; connectMs: number }
  onCall: GatewayOptions['onCall']
}

const DEFAULT_CACHE_BYTES = 64 * 1024 * 1024

/**
 * Options and environment, checked and made one.
 * @throws GatewayOptionsError naming each field at fault.
 */
export function settingsOf(options: GatewayOptions = {}, env: NodeJS.ProcessEnv = process.env): Settings {
  check(schema, options, 'gateway')
  const mode = options.mode ?? check(modeSchema, env.LLM_GATEWAY_MODE || 'embedded', 'LLM_GATEWAY_MODE')
  const policy = loadPolicy(options.policy ?? (env.LLM_GATEWAY_POLICY || undefined))
  const exact = options.cache === false ? undefined : options.cache?.exact
  return {
    policy: options.cache === undefined ? policy : narrowed(policy, options.cache),
    agent: options.agent ?? (env.LLM_GATEWAY_AGENT || undefined),
    key: options.key ?? (env.LLM_GATEWAY_KEY || undefined),
    team: options.team,
    direct: mode === 'direct',
    cacheBytes: (exact || undefined)?.maxBytes ?? DEFAULT_CACHE_BYTES,
    quota: options.quota === false ? undefined : (options.quota ?? {}),
    redis: options.redis === false ? undefined : (options.redis ?? redisFrom(env)),
    deadlines: { redisMs: 100, connectMs: 1_000, ...defined(options.deadlines) },
    onCall: options.onCall,
  }
}

function redisFrom({ LLM_GATEWAY_REDIS_URL: url }: NodeJS.ProcessEnv): string | RedisClient | undefined {
  return url ? check(redis, url, 'LLM_GATEWAY_REDIS_URL') || undefined : undefined
}

const defined = <T extends object>(given: T | undefined): T =>
  Object.fromEntries(Object.entries(given ?? {}).filter(([, value]) => value !== undefined)) as T

const modeSchema = z.enum(['embedded', 'direct'])

/** A client's cache options narrow the policy for all its agents. */
function narrowed(policy: Policy, cache: NonNullable<GatewayOptions['cache']> | false): Policy {
  if (cache === false || policy.cache === false) return { ...policy, cache: false }
  if (cache.exact === undefined) return policy
  if (cache.exact === false) return { ...policy, cache: { ...policy.cache, exact: false } }
  const { ttlSeconds } = cache.exact
  return ttlSeconds === undefined ? policy : { ...policy, cache: { ...policy.cache, exact: { ttlSeconds } } }
}
