import * as z from 'zod/mini'
import { GUARD_NAMES, type Policy } from '../core/policy.ts'

let schema: ReturnType<typeof createSchema> | undefined

/** Returns the schema, created for the first policy that is checked: this keeps 4 ms from the import. */
export const policySchema = () => {
  schema ??= createSchema()
  return schema
}

function createSchema() {
  const name = z.string().check(z.minLength(1))
  const count = z.number().check(z.int(), z.positive())
  const mode = z.enum(['embedded', 'litellm', 'direct'])
  const price = z.number().check(z.nonnegative())
  const seconds = z.number().check(z.nonnegative())
  const sha256 = z.string().check(z.regex(/^[0-9a-f]{64}$/i, 'must be the SHA-256 of a key, 64 hex digits'))
  const timezone = z
    .string()
    .check(z.refine(isTimezone, 'must be an IANA time zone such as "UTC" or "Europe/Berlin"'))

  const exact = z.strictObject({
    ttlSeconds: z.optional(seconds),
    staleIfErrorSeconds: z.optional(seconds),
    staleWhileRevalidateSeconds: z.optional(seconds),
  })

  const between = (low: number, high: number, what = 'must be') => [
    z.minimum(low, `${what} from ${low} to ${high}`),
    z.maximum(high, `${what} from ${low} to ${high}`),
  ]
  const ratio = z.number().check(...between(0, 1))
  const semantic = z.strictObject({
    mode: z.optional(z.enum(['off', 'shadow', 'auto', 'on'])),
    threshold: z.optional(ratio),
    judgeFrom: z.optional(ratio),
    ttlSeconds: z.optional(seconds),
    errorBudget: z.optional(ratio),
    judge: z.optional(
      z.union([
        z.literal(false),
        z.strictObject({
          model: z.optional(name),
          rate: z.optional(ratio),
          perHour: z.optional(z.number().check(z.nonnegative())),
        }),
      ]),
    ),
    requireConfirmation: z.optional(z.boolean()),
    shareBetweenUsers: z.optional(z.boolean()),
    guards: z.optional(z.array(z.enum(GUARD_NAMES))),
  })

  const cache = z.strictObject({
    exact: z.optional(z.union([z.literal(false), exact])),
    semantic: z.optional(z.union([z.literal(false), semantic])),
    shared: z.optional(z.boolean()),
    sharedBetweenUsers: z.optional(z.boolean()),
    sharedBetweenAccounts: z.optional(z.boolean()),
  })
  const cacheOrOff = z.optional(z.union([z.literal(false), cache]))

  const model = z.strictObject({
    input: z.optional(price),
    cachedInput: z.optional(price),
    output: z.optional(price),
    cacheWrite: z.optional(price),
    audioInput: z.optional(price),
    audioOutput: z.optional(price),
    maxOutput: z.optional(z.number().check(z.int(), z.nonnegative())),
    contextWindow: z.optional(count),
  })

  const unavailable = z.enum(['local', 'reject'])
  const onRedisUnavailable = z.union([
    unavailable,
    z.strictObject({
      rates: z.optional(unavailable),
      dollars: z.optional(unavailable),
      leased: z.optional(z.number().check(...between(0, 0.5))),
      allowance: z.optional(z.number().check(...between(0, 0.5))),
      allowanceUsd: z.optional(z.number().check(z.nonnegative())),
    }),
  ])

  const team = z.strictObject({
    agents: z.optional(z.array(name)),
    rpm: z.optional(count),
    tpm: z.optional(count),
    tpmMode: z.optional(z.enum(['expected', 'strict'])),
    usdPerDay: z.optional(z.number().check(z.positive())),
    onRedisUnavailable: z.optional(onRedisUnavailable),
    models: z.optional(z.array(name)),
    keys: z.optional(z.array(sha256)),
    requireKey: z.optional(z.boolean()),
    onLimit: z.optional(z.enum(['reject', 'wait'])),
    maxWaitMs: z.optional(count),
    maxQueued: z.optional(count),
    cache: cacheOrOff,
  })

  const agent = z.strictObject({
    cache: cacheOrOff,
    capture: z.optional(z.enum(['on', 'masked', 'off'])),
    priority: z.optional(z.number().check(z.int(), ...between(0, 9, 'must be a whole number'))),
    mode: z.optional(mode),
    disabled: z.optional(z.literal(true)),
  })

  return z.strictObject({
    version: z.optional(z.number().check(z.int(), z.nonnegative())),
    mode: z.optional(mode),
    timezone: z.optional(timezone),
    routing: z.optional(
      z.strictObject({
        default: z.optional(name),
        embeddings: z.optional(name),
        escalate: z.optional(z.union([z.literal(false), z.strictObject({ above: count, to: name })])),
        fallback: z.optional(z.union([z.literal(false), name])),
        aliases: z.optional(z.record(name, name)),
      }),
    ),
    models: z.optional(z.record(name, model)),
    cache: cacheOrOff,
    teams: z.optional(z.record(name, team)),
    agents: z.optional(z.record(name, agent)),
    hostedTools: z.optional(
      z.strictObject({
        maxToolCalls: z.optional(count),
        fees: z.optional(z.record(name, price)),
        worstUsd: z.optional(price),
      }),
    ),
    defaultServiceTier: z.optional(z.enum(['default', 'flex', 'scale', 'priority'])),
    streamUsage: z.optional(z.enum(['openai', 'always', 'never'])),
    paidPassThrough: z.optional(z.enum(['allow', 'refuse'])),
    cacheRemoteContent: z.optional(z.boolean()),
  })
}

// Fails to compile if the schema and the documented type differ.
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false
true satisfies Same<Loose<z.infer<ReturnType<typeof createSchema>>>, Loose<Policy>>
type Loose<T> = T extends (infer Item)[]
  ? Loose<Item>[]
  : T extends object
    ? { [Key in keyof T]: Loose<T[Key]> | undefined }
    : T

function isTimezone(zone: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: zone }))
  } catch {
    return false
  }
}
