import * as z from 'zod/mini'
import type { Capture, Policy } from '../core/policy.ts'
import type { CallRecord } from '../core/record.ts'
import { type LitellmOptions, litellmSchema } from '../litellm/options.ts'
import type { IoredisClient } from '../redis/connect.ts'
import { type SemanticCacheOptions, semanticSchema } from '../semantic/options.ts'
import { SINK_SCHEMAS } from '../sinks/built-in.ts'
import type { LangfuseOptions } from '../sinks/langfuse/options.ts'
import type { MetricsOptions } from '../sinks/metrics/options.ts'
import type { OtelOptions } from '../sinks/otel/options.ts'
import type { Sink } from '../sinks/sink.ts'
import type { SupabaseOptions } from '../sinks/supabase/options.ts'
import type { Logger } from '../util/log.ts'

/** Options of a gateway, all optional. An option takes precedence over the environment, which does over the policy. */
export type GatewayOptions = {
  /** Name of the agent that calls. The policy lists its team. @default LLM_GATEWAY_AGENT */
  agent?: string
  /** Team key, for teams whose policy requires one. @default LLM_GATEWAY_KEY */
  key?: string
  /** Team of an agent that the policy does not list. @default 'default', which has no limits */
  team?: string
  /**
   * `embedded`: the gateway caches and limits calls itself. `litellm`: a LiteLLM proxy does. `direct`: calls go to upstream
   * as from a bare OpenAI client.
   * @default LLM_GATEWAY_MODE, or 'embedded'
   */
  mode?: 'embedded' | 'litellm' | 'direct'
  /** The LiteLLM proxy of mode `litellm`, and of failover in mode `embedded`. `false`: no failover. @default LITELLM_BASE_URL */
  litellm?: false | LitellmOptions
  /** A policy, or the path of a JSON file that holds one. @default LLM_GATEWAY_POLICY, or `hotdashPolicy` */
  policy?: Policy | string
  /**
   * Whether the policy and switches that operators put into `redis` replace `policy` while the program runs. `false`: only
   * `policy` counts, except for limits counted in `redis`: there those of the highest version in use hold.
   * @default true with `redis`
   */
  livePolicy?: boolean
  /**
   * Whether the key for OpenAI is read from `redis`, sealed under the team key; the client then needs no other. See
   * docs/key-custody.md. It is sent to one origin (scheme, host and port): `origin`, else that of the client's `baseURL`; for
   * `createGateway()` that of OPENAI_BASE_URL, else `https://api.openai.com`.
   * @default true for a client that has a team key and `redis`, and no key for OpenAI
   */
  custody?: boolean | { origin: string }
  /**
   * Whether a fault of the gateway refuses a call (500 `gateway_fault`) even if the policy does not restrict its caller.
   * `false`: such a call is sent unchanged; callers with limits, keys, model lists or switches are always refused.
   * @default false
   */
  failClosed?: boolean
  /** Settings of the exact and the semantic cache. `false`: no answer is stored, and no call in flight is shared. */
  cache?: false | { exact?: false | ExactCacheOptions; semantic?: false | SemanticCacheOptions }
  /** How limits are counted; the policy holds the limits. `false`: none is counted or enforced. */
  quota?: false | QuotaOptions
  /** At a limit of the team: `reject` fails the call with a 429, `wait` queues it up to `maxWaitMs` of the policy. @default the policy's, or 'reject' */
  onLimit?: 'reject' | 'wait'
  /** Whether sinks receive questions and answers, for all agents of this client. @default the policy's for each agent, or 'masked' */
  capture?: Capture
  /**
   * Masks every text before it goes to a sink: questions, answers, users, sessions, tags, errors. A text for which it throws
   * is left out.
   *
   * @example mask: (text) => text.replaceAll(/order #\d+/g, 'order #…')
   */
  mask?: (text: string) => string
  /** Further sinks for records, besides those of `langfuse`, `supabase`, `otel` and `metrics`. @default [] */
  sinks?: Sink[]
  /** Bounds of the queue before each sink; beyond them the oldest records are dropped and counted. */
  queue?: {
    /** Reports that may wait. @default 10000 */
    maxReports?: number
    /** Bytes that they may take, approximately. @default 33554432 (32 MiB) */
    maxBytes?: number
  }
  /**
   * Receives a promise for each call, which settles when its record is delivered, or after 10 s: for platforms that freeze
   * a function once it has answered.
   *
   * @example waitUntil: (promise) => ctx.waitUntil(promise)
   */
  waitUntil?: (promise: Promise<unknown>) => void
  /**
   * Receives each call's record after its answer has ended, in the caller's async context. Its result is not used; what it throws, or
   * rejects with, is counted in `stats().hookErrors`.
   */
  onCall?: (record: CallRecord) => unknown
  /**
   * Receives log messages for operators, each one string: `[llm-gateway] GW_REDIS_FULL: …`. Codes are stable; docs/logs.md
   * lists them with their levels, `warn` and `info`. `false`: no message is written. A logger that throws or rejects
   * affects no call.
   * @default console
   *
   * @example logger: pino()
   */
  logger?: Logger | false
  /** Redis that processes share for cache, limits and metrics: an address, several of one cluster, or a client of ioredis 5.3 to 6. @default LLM_GATEWAY_REDIS_URL */
  redis?: string | IoredisClient | false
  /** Counters in Redis for alerts and reports. `false`: none are written. @default on with `redis` */
  metrics?: false | MetricsOptions
  /** How identical calls in flight of several processes share one upstream call. Within one process they always do. */
  coalesce?: CoalesceOptions
  /** Longest waits for Redis. */
  deadlines?: {
    /** Milliseconds that a command of the cache may take. @default 100 */
    redisMs?: number
    /** Milliseconds that a connection may take. @default 1000 */
    connectMs?: number
  }
  /** Traces in Langfuse. `false`: none, whatever the environment says. @default on if keys and address are set, here or in the environment */
  langfuse?: false | LangfuseOptions
  /** Spans for an OpenTelemetry backend; `{}` reads the standard OTEL_ variables. @default off */
  otel?: false | OtelOptions
  /** Rows of `llm_usage` in Supabase, one for each call. @default on if SUPABASE_URL and SUPABASE_SECRET_KEY are both set */
  supabase?: false | SupabaseOptions
}

/** How limits are counted in Redis. */
export type QuotaOptions = {
  /**
   * Least number of processes that share the limits: without Redis each spends its part.
   * @default the number that Redis has seen; 8 before it was ever reached
   */
  processes?: number
  /** Clock of the limits in Redis. `client`: for servers whose scripts may not read the time. @default 'server' */
  clock?: 'server' | 'client'
  /** Whether scripts lock the keys of one team instead of the whole database. Only Upstash supports it. @default false */
  keyLocking?: boolean
}

export type ExactCacheOptions = {
  /** Seconds that an answer is fresh; a policy can only shorten it. @default 86400 */
  ttlSeconds?: number
  /** Seconds after `ttlSeconds` in which an answer is served while upstream fails (stale-if-error). @default 3600 */
  staleIfErrorSeconds?: number
  /** Seconds after `ttlSeconds` in which an answer is served at once and refreshed in the background (stale-while-revalidate). @default 0 */
  staleWhileRevalidateSeconds?: number
  /** Bytes of this process's memory for cached answers. @default 67108864 (64 MiB) */
  maxBytes?: number
  /** Bytes of memory in use by Redis above which no answer is stored there. @default 209715200 (200 MiB) */
  sharedMaxBytes?: number
  /** Seconds that this process serves an answer from its memory before it validates it against Redis. @default 60 */
  localSeconds?: number
  /**
   * Secret that signs entries in Redis; processes share answers if they share it. At least 16 characters.
   * @default `cache.semantic.secret`, else the team key, else the credentials of the call
   */
  secret?: string
}

export type CoalesceOptions = {
  /** Whether identical calls in flight share one upstream call across the processes that share `redis`. @default false */
  crossProcess?: boolean
  /** Milliseconds that a call waits for another process's answer before it asks upstream itself. @default 10000 */
  waitMs?: number
}

const seconds = z.number().check(z.nonnegative())
const count = z.number().check(z.int(), z.positive())
const bytes = count

const positive = z.number().check(z.positive())
const name = z.string().check(z.minLength(1))

const address = z.string().check(z.refine((text) => /^https?:$/.test(URL.parse(text)?.protocol ?? '')))

const REDIS_URL = /^rediss?:\/\/[^\s,]+(,\s*rediss?:\/\/[^\s,]+)*$/
const REDIS_EXPECTED =
  'must be a redis:// or rediss:// address, several of one cluster, an ioredis client, or false'
export const redisSchema = z.custom<string | IoredisClient | false>(
  (value) =>
    value === false ||
    (typeof value === 'string' && REDIS_URL.test(value)) ||
    (typeof value === 'object' && value !== null && 'defineCommand' in value && 'status' in value),
  REDIS_EXPECTED,
)

const hook = z.optional(z.custom((value) => typeof value === 'function', 'must be a function'))
const logger = z.custom<Logger | false>(
  (value) =>
    value === false ||
    (((typeof value === 'object' && value !== null) || typeof value === 'function') &&
      ['warn', 'info'].every((level) => typeof Reflect.get(value, level) === 'function')),
  'must be false, or have the functions warn and info, as console has',
)
const sink = z.custom<Sink>(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    typeof value.name === 'string' &&
    'deliver' in value &&
    typeof value.deliver === 'function' &&
    SINK_NUMBERS.every(([field, least]) => isAtLeast((value as Record<string, unknown>)[field], least)),
  'must have a name, and a function deliver(reports, signal); batch and start are at least 1, deadlineMs and lingerMs at least 0',
)
const SINK_NUMBERS = [
  ['batch', 1],
  ['start', 1],
  ['deadlineMs', 0],
  ['lingerMs', 0],
] as const
/** Accepts `undefined` and numbers from `least` to `Infinity`. */
const isAtLeast = (value: unknown, least: number) =>
  value === undefined || (typeof value === 'number' && value >= least)
const haveDistinctNames = (sinks: Sink[]) => new Set(sinks.map(({ name }) => name)).size === sinks.length

export const optionsSchema = z.strictObject({
  agent: z.optional(name),
  key: z.optional(name),
  team: z.optional(name),
  mode: z.optional(z.enum(['embedded', 'litellm', 'direct'])),
  litellm: litellmSchema,
  policy: z.optional(z.any()),
  livePolicy: z.optional(z.boolean()),
  custody: z.optional(
    z.union(
      [z.boolean(), z.strictObject({ origin: address })],
      'must be true, false, or { origin } with the http:// or https:// address that the key is for',
    ),
  ),
  failClosed: z.optional(z.boolean()),
  cache: z.optional(
    z.union([
      z.literal(false),
      z.strictObject({
        exact: z.optional(
          z.union([
            z.literal(false),
            z.strictObject({
              ttlSeconds: z.optional(seconds),
              staleIfErrorSeconds: z.optional(seconds),
              staleWhileRevalidateSeconds: z.optional(seconds),
              maxBytes: z.optional(bytes),
              sharedMaxBytes: z.optional(bytes),
              localSeconds: z.optional(seconds),
              secret: z.optional(z.string().check(z.minLength(16))),
            }),
          ]),
        ),
        semantic: z.optional(semanticSchema),
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
  onLimit: z.optional(z.enum(['reject', 'wait'])),
  capture: z.optional(z.enum(['on', 'masked', 'off'])),
  mask: hook,
  sinks: z.optional(z.array(sink).check(z.refine(haveDistinctNames, 'each must have a name of its own'))),
  queue: z.optional(z.strictObject({ maxReports: z.optional(count), maxBytes: z.optional(bytes) })),
  waitUntil: hook,
  onCall: hook,
  logger: z.optional(logger),
  redis: z.optional(redisSchema),
  coalesce: z.optional(
    z.strictObject({ crossProcess: z.optional(z.boolean()), waitMs: z.optional(positive) }),
  ),
  deadlines: z.optional(z.strictObject({ redisMs: z.optional(positive), connectMs: z.optional(positive) })),
  ...SINK_SCHEMAS,
})
