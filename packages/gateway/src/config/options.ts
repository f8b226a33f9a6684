import * as z from 'zod/mini'
import type { Capture, Policy } from '../core/policy.ts'
import type { CallRecord } from '../core/record.ts'
import { type LitellmOptions, litellmSchema } from '../litellm/options.ts'
import type { RedisClient } from '../redis/connect.ts'
import { type SemanticCacheOptions, semanticSchema } from '../semantic/options.ts'
import { SINK_SCHEMAS } from '../sinks/backends.ts'
import type { LangfuseOptions } from '../sinks/langfuse/options.ts'
import type { MetricsOptions } from '../sinks/metrics/options.ts'
import type { OtelOptions } from '../sinks/otel/options.ts'
import type { Sink } from '../sinks/sink.ts'
import type { SupabaseOptions } from '../sinks/supabase/options.ts'

/** Everything about the gateway that a program can set. All of it is optional; options beat environment beats policy. */
export type GatewayOptions = {
  /** Who is calling. The policy knows each agent's team. @default LLM_GATEWAY_AGENT */
  agent?: string
  /** The team key, where the policy asks for one. @default LLM_GATEWAY_KEY */
  key?: string
  /** The team of an agent that the policy does not name. @default 'default', which has no limits */
  team?: string
  /**
   * `litellm`: through a LiteLLM proxy, which caches and counts. `direct`: a bare OpenAI client, nothing in the way.
   * @default LLM_GATEWAY_MODE, or 'embedded'
   */
  mode?: 'embedded' | 'litellm' | 'direct'
  /** The LiteLLM proxy of mode `litellm`; in embedded mode the way out when the direct route is broken, unless `false`. */
  litellm?: false | LitellmOptions
  /** A policy, or the path of a JSON file with one. @default LLM_GATEWAY_POLICY, or HotDash's own */
  policy?: Policy | string
  /**
   * Policy and switches that operators put into `redis` take the place of `policy` while the program runs, be it a file
   * or an object. `false`: only `policy` counts, whatever is switched; of limits that are counted in `redis`, the highest
   * version's bind all the same.
   * @default true, where there is `redis`
   */
  livePolicy?: boolean
  /**
   * The key for OpenAI is kept in `redis`, sealed under the team key: the client needs no other. See docs/key-custody.md.
   * It goes to one origin only: that of the client's own `baseURL`; for `createGateway()`, of OPENAI_BASE_URL, else of
   * `https://api.openai.com`; or `origin`, an address of which scheme, host and port count.
   * @default true for a client that has a team key and `redis`, and no key for OpenAI
   */
  custody?: boolean | { origin: string }
  /**
   * A fault inside the gateway refuses the call with 500 `gateway_fault`. Where the policy limits the caller (limits, keys,
   * model lists, switches) it always does; `true`: elsewhere, too, where the call would otherwise be sent as it is.
   * @default false
   */
  failClosed?: boolean
  /** `false`: no answer is stored or shared, not even in flight. */
  cache?: false | { exact?: false | ExactCacheOptions; semantic?: false | SemanticCacheOptions }
  /** `false`: nobody is refused for a limit, and nothing is counted against one. The limits themselves are in the policy. */
  quota?: false | QuotaOptions
  /** At a limit of the team, calls get an error at once, or wait in line for as long as the policy allows. @default the policy's, or 'reject' */
  onLimit?: 'reject' | 'wait'
  /** What is traced of questions and answers, for all agents of this client. @default the policy's for each agent, or 'masked' */
  capture?: Capture
  /**
   * Applied to every text before it goes to a sink: questions, answers, users, sessions, tags, errors. If it throws, the
   * text is left out.
   *
   * @example mask: (text) => text.replaceAll(/order #\d+/g, 'order #…')
   */
  mask?: (text: string) => string
  /** More places for records to go to. Built-in ones are switched on by `langfuse` and `supabase`. */
  sinks?: Sink[]
  /** Records that may wait for each sink; the oldest give way, and are counted as dropped. */
  queue?: { maxReports?: number; maxBytes?: number }
  /**
   * For platforms that freeze a function once it has answered: given a promise for each call, which settles when its
   * record is delivered, or after 10 s.
   *
   * @example waitUntil: (promise) => ctx.waitUntil(promise)
   */
  waitUntil?: (promise: Promise<unknown>) => void
  /** Called with each call's record, after the answer has ended, in the caller's own async context. What it throws is counted. */
  onCall?: (record: CallRecord) => void | Promise<void>
  /** Redis that all processes share, for cache and quota: an address, several for a cluster, or an ioredis client. @default LLM_GATEWAY_REDIS_URL */
  redis?: string | RedisClient | false
  /** `false`: nothing is counted in shared Redis for alerts and reports. Without shared Redis nothing is. */
  metrics?: false | MetricsOptions
  /** How identical calls in flight share one upstream call. Within one process they always do. */
  coalesce?: CoalesceOptions
  /** How long the gateway's own steps may take. */
  deadlines?: { redisMs?: number; connectMs?: number }
  /** Traces in Langfuse: on where keys and address are set, here or in the environment. `false`: off whatever the environment says. */
  langfuse?: false | LangfuseOptions
  /** Spans to any OpenTelemetry backend; `{}` takes everything from the usual OTEL_ variables. Off unless set. */
  otel?: false | OtelOptions
  /** One row of `llm_usage` for each call. @default on where SUPABASE_URL and SUPABASE_SECRET_KEY are both set */
  supabase?: false | SupabaseOptions
}

/** How limits are counted in Redis. */
export type QuotaOptions = {
  /** How many processes share the limits, at least: while Redis is away, each uses its part of them. @default as many as Redis has seen */
  processes?: number
  /** Whose clock the limits in Redis go by. `client`: for servers whose scripts may not read the time. @default 'server' */
  clock?: 'server' | 'client'
  /** For Upstash: its scripts then lock one team and not the whole database. Open Redis refuses them. @default false */
  keyLocking?: boolean
}

export type ExactCacheOptions = {
  /** Seconds an answer is kept at most; the policy may say less. @default 86400 */
  ttlSeconds?: number
  /** Seconds after that in which an answer is given while upstream is down. @default 3600 */
  staleIfErrorSeconds?: number
  /** Seconds after `ttlSeconds` in which an answer is given at once, and asked afresh in the background. @default 0 */
  staleWhileRevalidateSeconds?: number
  /** Memory for cached answers. @default 67108864 (64 MiB) */
  maxBytes?: number
  /** Redis' whole memory, above which no answer is stored there any more. @default 209715200 (200 MiB) */
  sharedMaxBytes?: number
  /** Seconds this process gives an answer from its own memory before it asks Redis whether it is still there. @default 60 */
  localSeconds?: number
  /**
   * Secret that entries in Redis are signed with: processes that share it share answers. At least 16 characters.
   * @default `cache.semantic.secret`, else the team key, else the credentials of the call
   */
  secret?: string
}

export type CoalesceOptions = {
  /** Calls of all processes that share `redis` and the cache make one upstream call, too. @default false */
  crossProcess?: boolean
  /** Milliseconds a call waits for another process's answer at most; then it asks for itself. @default 10000 */
  waitMs?: number
}

const seconds = z.number().check(z.nonnegative())
const count = z.number().check(z.int(), z.positive())
const bytes = count

const positive = z.number().check(z.positive())
const name = z.string().check(z.minLength(1))

const address = z.string().check(z.refine((text) => /^https?:$/.test(URL.parse(text)?.protocol ?? '')))

const REDIS_URL = /^rediss?:\/\/[^\s,]+(,\s*rediss?:\/\/[^\s,]+)*$/
const WHAT_REDIS =
  'must be a redis:// or rediss:// address, several of one cluster, an ioredis client, or false'
export const redisSchema = z.custom<string | RedisClient | false>(
  (value) =>
    value === false ||
    (typeof value === 'string' && REDIS_URL.test(value)) ||
    (typeof value === 'object' && value !== null && 'defineCommand' in value && 'status' in value),
  WHAT_REDIS,
)

const hook = z.optional(z.custom((value) => typeof value === 'function', 'must be a function'))
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
/** Absent, or a number, which may be `Infinity`. */
const isAtLeast = (value: unknown, least: number) =>
  value === undefined || (typeof value === 'number' && value >= least)
const namedApart = (sinks: Sink[]) => new Set(sinks.map(({ name }) => name)).size === sinks.length

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
  sinks: z.optional(z.array(sink).check(z.refine(namedApart, 'each must have a name of its own'))),
  queue: z.optional(z.strictObject({ maxReports: z.optional(count), maxBytes: z.optional(bytes) })),
  waitUntil: hook,
  onCall: hook,
  redis: z.optional(redisSchema),
  coalesce: z.optional(
    z.strictObject({ crossProcess: z.optional(z.boolean()), waitMs: z.optional(positive) }),
  ),
  deadlines: z.optional(z.strictObject({ redisMs: z.optional(positive), connectMs: z.optional(positive) })),
  ...SINK_SCHEMAS,
})
