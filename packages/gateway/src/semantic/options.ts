import * as z from 'zod/mini'
import type { Policy, SemanticMode } from '../core/policy.ts'
import { lowered, withoutSemantic } from '../policy/narrow.ts'
import type { VectorBackendFactory } from './backends/port.ts'
import type { Embedder } from './embedding/embedder.ts'
import type { GraphIndex } from './index/port.ts'

/**
 * Options of the semantic cache in this program. Which agents it serves, and from which threshold, is set by the
 * policy: `cache.semantic`.
 */
export type SemanticCacheOptions = {
  /**
   * Highest mode of any agent of this client, in the order `off`, `shadow`, `auto`, `on`. It can only lower what the
   * policy and its switches say. @default 'on'
   */
  mode?: SemanticMode
  /** Source of vectors. @default OpenAI's embeddings API, through this gateway, at the team's expense */
  embedder?: Embedder
  /** Embedding model, without an `embedder`. @default 'text-embedding-3-large' */
  model?: string
  /** Dimensions of its vectors, 256 to 3072. More distinguish better and take more memory. @default 1024 */
  dimensions?: number
  /** Milliseconds a call waits for its vector; then it continues as a miss. @default 1000 */
  deadlineMs?: number
  /**
   * Secret that signs entries: processes with the same secret share answers. At least 16 characters.
   * @default the team key, or the API key of the call
   */
  secret?: string
  /** Memory of this process for vectors and answers, in bytes. @default 67108864 (64 MiB) */
  maxBytes?: number
  /**
   * How nearest questions are found. `'flat'`: an exhaustive scan in this process, below 1 ms for 100,000 vectors of
   * 256 dimensions. `createUsearchIndex()` of `@hotdash/llm-gateway/usearch`: a graph in this process, for larger
   * partitions. `createPgvectorIndex()` of `@hotdash/llm-gateway/pgvector` and `createVectorSetIndex()` of
   * `@hotdash/llm-gateway/vector-sets`: vectors and answers in a database, for more than one machine's memory.
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
  minSimilarity: ratio,
  minConfidence: ratio,
  minConsensusSimilarity: ratio,
  bandwidth: z.number().check(z.positive(), z.maximum(1)),
  priorSimilarity: ratio,
})
const isCalibration = (value: unknown) => calibration.safeParse(value).success

/** Above the dimensions of any model. */
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
  'must have an id, its dimensions, and a function embed(texts, signal); calibration takes five numbers from 0 to 1: minSimilarity, minConfidence, minConsensusSimilarity, bandwidth, priorSimilarity',
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
    mode: z.optional(z.enum(['off', 'shadow', 'auto', 'on'])),
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

/** Lowers the mode of every agent to the option's mode, in the order `off`, `shadow`, `auto`, `on`. */
export function withMode(policy: Policy, given: false | SemanticCacheOptions | undefined): Policy {
  const mode = given === false ? 'off' : given?.mode
  if (mode === 'off') return withoutSemantic(policy)
  return mode === undefined ? policy : lowered(policy, mode)
}
