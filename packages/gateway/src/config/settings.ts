import * as z from 'zod/mini'
import type { GatewayContext } from '../core/context.ts'
import { check, GatewayOptionsError } from '../core/options-error.ts'
import type { Capture, ExactPolicy, Mode, Policy } from '../core/policy.ts'
import { originOf } from '../egress/egress.ts'
import { type LitellmSettings, litellmSettingsOf } from '../litellm/options.ts'
import { loadPolicy } from '../policy/load.ts'
import type { RedisClient } from '../redis/connect.ts'
import { type SemanticSettings, semanticSettings, withMode } from '../semantic/options.ts'
import { builtInSinks, type CreateSink } from '../sinks/backends.ts'
import type { Sink } from '../sinks/sink.ts'
import {
  type ExactCacheOptions,
  type GatewayOptions,
  optionsSchema,
  type QuotaOptions,
  redisSchema,
} from './options.ts'

/** What options, environment and policy come to. */
export type Settings = {
  policy: Policy
  policySource: 'option' | 'file' | 'default'
  /** What the program's own options leave of a policy. */
  narrow: (policy: Policy) => Policy
  /** Whether what operators put into Redis takes its place. */
  livePolicy: boolean
  agent: string | undefined
  key: string | undefined
  /** The key for upstream is kept in Redis. */
  custody: boolean
  /** The origin that it belongs to; `undefined`: the client's. */
  keyOrigin: string | undefined
  team: string | undefined
  /** A fault of the gateway refuses the call, even where the policy sets no limits. */
  failClosed: boolean
  /** For all agents; `undefined`: as the policy says for each. */
  capture: Capture | undefined
  /** What options or environment say; `undefined`: as the policy says. */
  mode: Mode | undefined
  /** Started so: there is nothing in the way, and nothing is followed. */
  direct: boolean
  /** Absent: there is no proxy. */
  litellm: LitellmSettings | undefined
  cache: { bytes: number; sharedBytes: number; localMs: number; secret: string | undefined }
  semantic: SemanticSettings
  /** `undefined`: nothing is counted. */
  quota: QuotaOptions | undefined
  /** What the options say for every call; contexts and headers say otherwise. */
  standing: GatewayContext | undefined
  redis: string | RedisClient | undefined
  /** Absent: calls of other processes are none of our concern. */
  across: { waitMs: number } | undefined
  deadlines: { redisMs: number; connectMs: number }
  /** Factories of the built-in sinks that options or environment switch on. */
  builtInSinks: CreateSink[]
  /** Sinks given by the program. */
  sinks: Sink[]
  /** Warnings to log once at start-up, e.g. Langfuse keys that are only partly set. */
  notices: string[]
  queue: { maxReports: number; maxBytes: number }
  mask: GatewayOptions['mask']
  waitUntil: GatewayOptions['waitUntil']
  onCall: GatewayOptions['onCall']
}

const MIB = 1024 * 1024

/**
 * Options and environment, checked and made one.
 * @throws GatewayOptionsError naming each field at fault.
 */
export function resolveSettings(
  options: GatewayOptions = {},
  /** The client has a key of its own for upstream. */
  hasKey = true,
  env: NodeJS.ProcessEnv = process.env,
): Settings {
  check(optionsSchema, options, 'gateway')
  const mode = options.mode ?? check(modeSchema, env.LLM_GATEWAY_MODE || undefined, 'LLM_GATEWAY_MODE')
  const given = options.policy ?? (env.LLM_GATEWAY_POLICY || undefined)
  const { cache } = options
  const narrow = (policy: Policy) => (cache === undefined ? policy : narrowed(policy, cache))
  const key = options.key ?? (env.LLM_GATEWAY_KEY || undefined)
  const policy = narrow(loadPolicy(given))
  const litellm = litellmSettingsOf(mode ?? startOf(policy), options.litellm, key, env)
  const semantic = semanticSettings((options.cache || undefined)?.semantic)
  const exact = options.cache === false ? undefined : options.cache?.exact || undefined
  const shared = options.redis === false ? undefined : (options.redis ?? redisFrom(env))
  const notices: string[] = []
  const sinkEnvironment = {
    variables: env,
    hasRedis: shared !== undefined,
    notice: (text: string) => void notices.push(text),
  }
  return {
    policy,
    policySource: given === undefined ? 'default' : typeof given === 'string' ? 'file' : 'option',
    narrow,
    livePolicy: options.livePolicy ?? true,
    failClosed: options.failClosed ?? false,
    capture: options.capture,
    agent: options.agent ?? (env.LLM_GATEWAY_AGENT || undefined),
    key,
    custody: custodyOf(options, {
      key,
      redis: shared,
      isProxied: (mode ?? startOf(policy)) === 'litellm',
      hasKey,
    }),
    keyOrigin: typeof options.custody === 'object' ? originOf(options.custody.origin) : undefined,
    team: options.team,
    mode,
    direct: mode === 'direct',
    litellm,
    cache: {
      bytes: exact?.maxBytes ?? 64 * MIB,
      sharedBytes: exact?.sharedMaxBytes ?? 200 * MIB,
      localMs: (exact?.localSeconds ?? 60) * 1_000,
      secret: exact?.secret ?? semantic.secret,
    },
    semantic,
    quota:
      options.quota === false ? undefined : { clock: 'server', keyLocking: false, ...defined(options.quota) },
    standing: options.onLimit && { onLimit: options.onLimit },
    redis: shared,
    across: options.coalesce?.crossProcess ? { waitMs: options.coalesce.waitMs ?? 10_000 } : undefined,
    deadlines: { redisMs: 100, connectMs: 1_000, ...defined(options.deadlines) },
    builtInSinks: builtInSinks(options, sinkEnvironment),
    sinks: options.sinks ?? [],
    notices,
    queue: { maxReports: 10_000, maxBytes: 32 * MIB, ...defined(options.queue) },
    mask: options.mask,
    waitUntil: options.waitUntil,
    onCall: options.onCall,
  }
}

function custodyOf(
  { custody }: GatewayOptions,
  has: { key: string | undefined; redis: unknown; isProxied: boolean; hasKey: boolean },
): boolean {
  if (custody && has.redis === undefined)
    throw new GatewayOptionsError(
      'gateway.custody: keys are kept in Redis: set gateway.redis, or LLM_GATEWAY_REDIS_URL',
    )
  if (custody !== undefined) return custody !== false
  return !has.hasKey && has.key !== undefined && has.redis !== undefined && !has.isProxied
}

/** A policy can be changed while the program runs: what it starts with rules nothing out. */
const startOf = ({ mode }: Policy): Mode => (mode === 'litellm' ? mode : 'embedded')

function redisFrom({ LLM_GATEWAY_REDIS_URL: url }: NodeJS.ProcessEnv): string | RedisClient | undefined {
  return url ? check(redisSchema, url, 'LLM_GATEWAY_REDIS_URL') || undefined : undefined
}

const defined = <T extends object>(given: T | undefined): T =>
  Object.fromEntries(Object.entries(given ?? {}).filter(([, value]) => value !== undefined)) as T

const modeSchema = z.optional(z.enum(['embedded', 'litellm', 'direct']))

/** A client's cache options narrow the policy for all its agents. */
function narrowed(policy: Policy, cache: NonNullable<GatewayOptions['cache']> | false): Policy {
  if (cache === false || policy.cache === false) return { ...policy, cache: false }
  return withMode(withExact(policy, cache.exact), cache.semantic)
}

function withExact(policy: Policy, own: false | ExactCacheOptions | undefined): Policy {
  if (own === undefined || policy.cache === false) return policy
  if (own === false) return { ...policy, cache: { ...policy.cache, exact: false } }
  const { ttlSeconds, staleIfErrorSeconds, staleWhileRevalidateSeconds } = own
  const times = defined({ ttlSeconds, staleIfErrorSeconds, staleWhileRevalidateSeconds } as ExactPolicy)
  const outer = policy.cache?.exact
  return outer === false ? policy : { ...policy, cache: { ...policy.cache, exact: { ...outer, ...times } } }
}
