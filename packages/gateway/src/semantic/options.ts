import * as z from 'zod/mini'
import type { Policy } from '../core/policy.ts'
import { inShadow, withoutSemantic } from '../policy/narrow.ts'
import type { VectorBackendFactory } from './backends/port.ts'
import type { Embedder } from './embedding/embedder.ts'
import type { GraphIndex } from './index/port.ts'

/** What of the semantic cache is a program's affair. Whom it serves, and from when, is the policy's: `cache.semantic`. */
export type SemanticCacheOptions = {
  /**
   * The most that any agent of this client may do, `off` being less than `shadow` and that less than `on`: it narrows what
   * the policy and its switches say, and widens nothing. @default 'on', as far as the policy goes
   */
  mode?: 'off' | 'shadow' | 'on'
  /** Where vectors come from. @default OpenAI, through this gateway, at the team's expense */
  embedder?: Embedder
  /** The model, without an `embedder`. @default 'text-embedding-3-large' */
  model?: string
  /** Of its vectors, 256 to 3072; more tell more, and take more memory. @default 1024 */
  dimensions?: number
  /** Milliseconds a call waits for its vector before it goes on without. @default 1000 */
  deadlineMs?: number
  /**
   * What entries are signed with: processes that share it share answers. At least 16 characters.
   * @default the team key, or the API key of the call
   */
  secret?: string
  /** Memory of this process for vectors and answers. @default 67108864 (64 MiB) */
  maxBytes?: number
  /**
   * How the nearest question is found. `'flat'`: by looking at all of a partition, in this process; less than a
   * millisecond among 100,000 of 256 dimensions. `createUsearchIndex()` of `@hotdash/llm-gateway/usearch`: a graph in this
   * process, for more than that. `createPgvectorIndex()` of `@hotdash/llm-gateway/pgvector` and `createVectorSetIndex()` of
   * `@hotdash/llm-gateway/vector-sets`: vectors and answers stand elsewhere, for more than one machine's memory.
   * @default 'flat'
   */
  index?: 'flat' | GraphIndex | VectorBackendFactory
}

export type SemanticSettings = {
  embedder: Embedder | undefined
  model: string
  dimensions: number
  deadlineMs: number
  secret: string | undefined
  maxBytes: number
  index: 'flat' | GraphIndex | VectorBackendFactory
}

const ratio = z.number().check(z.minimum(0), z.maximum(1))
const calibration = z.strictObject({
  alone: ratio,
  confidence: ratio,
  floor: ratio,
  spread: z.number().check(z.positive(), z.maximum(1)),
  doubtAt: ratio,
})
const isCalibration = (value: unknown) => calibration.safeParse(value).success

/** Far more than any model gives. */
const MAX_DIMENSIONS = 65_536

const embedder = z.custom<Embedder>(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    'embed' in value &&
    typeof value.embed === 'function' &&
    'id' in value &&
    typeof value.id === 'string' &&
    'dimensions' in value &&
    Number.isInteger(value.dimensions) &&
    (value.dimensions as number) > 0 &&
    (value.dimensions as number) <= MAX_DIMENSIONS &&
    (!('calibration' in value) || value.calibration === undefined || isCalibration(value.calibration)),
  'must have an id, its dimensions, and a function embed(texts, signal); a calibration is five numbers from 0 to 1: alone, confidence, floor, spread, doubtAt',
)

const index = z.custom<'flat' | GraphIndex | VectorBackendFactory>(
  (value) =>
    value === 'flat' ||
    (typeof value === 'object' &&
      value !== null &&
      (('load' in value && typeof value.load === 'function') ||
        ('open' in value && typeof value.open === 'function'))),
  "must be 'flat', or what createUsearchIndex(), createPgvectorIndex() or createVectorSetIndex() made",
)

export const semanticSchema = z.union([
  z.literal(false),
  z.strictObject({
    mode: z.optional(z.enum(['off', 'shadow', 'on'])),
    embedder: z.optional(embedder),
    model: z.optional(z.string().check(z.minLength(1))),
    dimensions: z.optional(z.number().check(z.int(), z.minimum(256), z.maximum(3_072))),
    deadlineMs: z.optional(z.number().check(z.positive())),
    secret: z.optional(z.string().check(z.minLength(16))),
    maxBytes: z.optional(z.number().check(z.int(), z.positive())),
    index: z.optional(index),
  }),
])

export function semanticSettings(given: false | SemanticCacheOptions | undefined): SemanticSettings {
  const { embedder, model, dimensions, deadlineMs, secret, maxBytes, index } = given || {}
  return {
    embedder,
    model: model ?? 'text-embedding-3-large',
    dimensions: dimensions ?? 1_024,
    deadlineMs: deadlineMs ?? 1_000,
    secret,
    maxBytes: maxBytes ?? 64 * 1024 * 1024,
    index: index ?? 'flat',
  }
}

/** A policy under no agent of which the mode is above what the options say: `off`, then `shadow`, then `on`. */
export function withMode(policy: Policy, given: false | SemanticCacheOptions | undefined): Policy {
  const mode = given === false ? 'off' : given?.mode
  if (mode === 'off') return withoutSemantic(policy)
  return mode === 'shadow' ? inShadow(policy) : policy
}
