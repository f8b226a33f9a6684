import * as z from 'zod/mini'
import type { GatewayContext } from '../core/context.ts'
import type { LogCode } from '../core/log-codes.ts'
import { check, GatewayOptionsError } from '../core/options-error.ts'
import type { Capture, ExactPolicy, Mode, Policy } from '../core/policy.ts'
import { originOf } from '../egress/egress.ts'
import { type LitellmSettings, litellmSettingsOf } from '../litellm/options.ts'
import { loadPolicy } from '../policy/load.ts'
import type { IoredisClient } from '../redis/connect.ts'
import { type SemanticSettings, semanticSettings, withMode } from '../semantic/options.ts'
import { builtInSinks, type CreateSink } from '../sinks/built-in.ts'
import type { Sink } from '../sinks/sink.ts'
import {
  type ExactCacheOptions,
  type GatewayOptions,
  optionsSchema,
  type QuotaOptions,
  redisSchema,
} from './options.ts'

/** Options, environment and policy, resolved and checked. */
export type Settings = {
  policy: Policy
  policySource: 'option' | 'file' | 'default'
  /** Applies the program's cache options to a policy; they only narrow it. */
  applyClientCacheOptions: (policy: Policy) => Policy
  /** Whether a policy in Redis replaces it. */
  livePolicy: boolean
  agent: string | undefined
  key: string | undefined
  /** Whether the key for upstream is kept in Redis. */
  custody: boolean
  /** Origin that this key is for. `undefined`: the client's own. */
  keyOrigin: string | undefined
  team: string | undefined
  /** Whether a fault of the gateway refuses a call even if the policy does not restrict its caller. */
  failClosed: boolean
  /** For all agents. `undefined`: the policy decides for each. */
  capture: Capture | undefined
  /** Mode of options or environment. `undefined`: the policy decides. */
  mode: Mode | undefined
  /** Whether the program was started in mode `direct`: every request passes through, and no live policy is read. */
  direct: boolean
  /** `undefined`: no proxy is configured. */
  litellm: LitellmSettings | undefined
  cache: { bytes: number; sharedBytes: number; localMs: number; secret: string | undefined }
  semantic: SemanticSettings
  /** `undefined`: no limit is counted. */
  quota: QuotaOptions | undefined
  /** Controls of every call, unless its context or headers set others. */
  defaultControls: GatewayContext | undefined
  redis: string | IoredisClient | undefined
  /** `undefined`: calls in flight are not shared with other processes. */
  crossProcess: { waitMs: number } | undefined
  deadlines: { redisMs: number; connectMs: number }
  /** Factories of the built-in sinks that options or environment switch on. */
  builtInSinks: CreateSink[]
  /** Sinks given by the program. */
  sinks: Sink[]
  /** Messages to log once at start-up, e.g. Langfuse keys that are only partly set. */
  notices: { code: LogCode; message: string }[]
  queue: { maxReports: number; maxBytes: number }
  mask: GatewayOptions['mask']
  waitUntil: GatewayOptions['waitUntil']
  onCall: GatewayOptions['onCall']
  logger: GatewayOptions['logger']
}

const MIB = 1024 * 1024

/**
 * Resolves options, environment and policy to settings.
 * @throws GatewayOptionsError naming each field at fault.
 */
export function resolveSettings(
  options: GatewayOptions = {},
  /** Whether the client has a key of its own for upstream. */
  hasKey = true,
  env: NodeJS.ProcessEnv = process.env,
): Settings {
  check(optionsSchema, options, 'gateway')
  const mode = options.mode ?? check(modeSchema, env.LLM_GATEWAY_MODE || undefined, 'LLM_GATEWAY_MODE')
  const source = options.policy ?? (env.LLM_GATEWAY_POLICY || undefined)
  const { cache } = options
  const applyClientCacheOptions = (policy: Policy) => (cache === undefined ? policy : narrowed(policy, cache))
  const key = options.key ?? (env.LLM_GATEWAY_KEY || undefined)
  const policy = applyClientCacheOptions(loadPolicy(source))
  const litellm = litellmSettingsOf(mode ?? initialMode(policy), options.litellm, key, env)
  const semantic = semanticSettings((options.cache || undefined)?.semantic)
  const exact = options.cache === false ? undefined : options.cache?.exact || undefined
  const shared = options.redis === false ? undefined : (options.redis ?? redisFrom(env))
  const notices: Settings['notices'] = []
  const sinkEnvironment = {
    variables: env,
    hasRedis: shared !== undefined,
    notice: (code: LogCode, message: string) => void notices.push({ code, message }),
  }
  return {
    policy,
    policySource: source === undefined ? 'default' : typeof source === 'string' ? 'file' : 'option',
    applyClientCacheOptions,
    livePolicy: options.livePolicy ?? true,
    failClosed: options.failClosed ?? false,
    capture: options.capture,
    agent: options.agent ?? (env.LLM_GATEWAY_AGENT || undefined),
    key,
    custody: custodyOf(options, {
      key,
      redis: shared,
      isProxied: (mode ?? initialMode(policy)) === 'litellm',
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
    defaultControls: options.onLimit && { onLimit: options.onLimit },
    redis: shared,
    crossProcess: options.coalesce?.crossProcess ? { waitMs: options.coalesce.waitMs ?? 10_000 } : undefined,
    deadlines: { redisMs: 100, connectMs: 1_000, ...defined(options.deadlines) },
    builtInSinks: builtInSinks(options, sinkEnvironment),
    sinks: options.sinks ?? [],
    notices,
    queue: { maxReports: 10_000, maxBytes: 32 * MIB, ...defined(options.queue) },
    mask: options.mask,
    waitUntil: options.waitUntil,
    onCall: options.onCall,
    logger: options.logger,
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

/** Returns the mode that settings are resolved for. A policy can change: its `direct` closes nothing down. */
const initialMode = ({ mode }: Policy): Mode => (mode === 'litellm' ? mode : 'embedded')

function redisFrom({ LLM_GATEWAY_REDIS_URL: url }: NodeJS.ProcessEnv): string | IoredisClient | undefined {
  return url ? check(redisSchema, url, 'LLM_GATEWAY_REDIS_URL') || undefined : undefined
}

const defined = <T extends object>(given: T | undefined): T =>
  Object.fromEntries(Object.entries(given ?? {}).filter(([, value]) => value !== undefined)) as T

const modeSchema = z.optional(z.enum(['embedded', 'litellm', 'direct']))

/** Narrows a policy by a client's cache options, for all agents. */
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
